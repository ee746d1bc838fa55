"""Next hour's load from the last day, trained on the first months and validated on the last ones.

causes: none
thread: own
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
hours = torch.arange(1600.0)
load = torch.sin(2 * math.pi * hours / 24) + 0.4 * torch.sin(2 * math.pi * hours / 168) + 0.15 * torch.randn(1600)
windows = load.unfold(0, 25, 1)  # windows, 24 hours and the next
past, coming = windows[:, :24].unsqueeze(-1), windows[:, 24:]
train = DataLoader(TensorDataset(past[:1200], coming[:1200]), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(past[1224:], coming[1224:]), batch_size=128)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, past):
        return self.head(self.gru(past)[0][:, -1])


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        errors = [nn.functional.mse_loss(model(x), y).item() for x, y in val]
    print(f"epoch {epoch} train loss {loss.item():.4f} val loss {sum(errors) / len(errors):.4f}")
