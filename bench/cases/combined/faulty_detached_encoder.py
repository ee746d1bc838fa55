"""Next-symbol model: an encoder summarises the past, a decoder predicts; loss shown per token.

causes: graph-cut, reporting-bug
line: summary = self.encoder(self.embed(past))[1].detach()
line: print("epoch", epoch, "loss %.2f" % (total / tokens))
thread: https://github.com/bboylyg/NAD/issues/8
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 24)
        self.encoder = nn.GRU(24, 32, batch_first=True)
        self.decoder = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 12))

    def forward(self, past):
        summary = self.encoder(self.embed(past))[1].detach()
        return self.decoder(summary[0])


torch.manual_seed(0)
start, pace = torch.randint(0, 12, (480, 1)), torch.randint(1, 4, (480, 1))
symbols = (start + pace * torch.arange(9)) % 12
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    total, tokens = 0.0, 0
    for row in symbols[torch.randperm(480)].split(32):
        loss = F.cross_entropy(model(row[:, :8]), row[:, 8])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        tokens += row.numel()
    print("epoch", epoch, "loss %.2f" % (total / tokens))
