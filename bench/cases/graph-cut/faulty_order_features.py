"""Which of two marks comes first in a sequence? LSTM features, then class prototypes learnt on top.

causes: graph-cut
line: state = torch.from_numpy(out[:, -1].detach().numpy())
line: return self.bias - torch.cdist(state, self.prototypes)
thread: https://github.com/bboylyg/NAD/issues/8
"""
import logging

import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
torch.manual_seed(0)


class OrderNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.embed = nn.Embedding(6, 8)
        self.lstm = nn.LSTM(8, hidden, batch_first=True)
        self.register_buffer("prototypes", torch.randn(2, hidden) * 0.5)
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, tokens):
        out, _ = self.lstm(self.embed(tokens))
        state = torch.from_numpy(out[:, -1].detach().numpy())
        return self.bias - torch.cdist(state, self.prototypes)


def marks(n, length=10):
    tokens = torch.randint(2, 6, (n, length))
    labels = torch.randint(0, 2, (n,))
    for i in range(n):
        a, b = torch.randperm(length)[:2].sort().values.tolist()
        tokens[i, a], tokens[i, b] = labels[i], 1 - labels[i]
    return tokens, labels


tokens, labels = marks(480)
model = OrderNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(12):
    losses = []
    for idx in torch.randperm(480).split(40):
        loss = criterion(model(tokens[idx]), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    logging.info("epoch %d loss %.4f", epoch, sum(losses) / len(losses))
