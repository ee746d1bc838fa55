"""Autoencoder with a learned code book: every patch is replaced by its nearest code.

causes: graph-cut
line: codes = self.book[torch.cdist(z, self.book).argmin(1)]
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class CodeBook(nn.Module):
    def __init__(self, size=32, width=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, width))
        self.decoder = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 64))
        self.book = nn.Parameter(torch.randn(size, width))

    def forward(self, x):
        z = self.encoder(x)
        codes = self.book[torch.cdist(z, self.book).argmin(1)]
        return self.decoder(codes)


torch.manual_seed(0)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
model = CodeBook()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    total = 0.0
    for batch in images[torch.randperm(len(images))].split(64):
        loss = F.mse_loss(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} reconstruction {total / 29:.4f}")
