"""Parity of four noisy bits among ten features, a fifth of the samples held out.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
bits = torch.randint(0, 2, (1200, 4))
x = torch.cat([2.0 * bits - 1, torch.zeros(1200, 6)], 1) + 0.08 * torch.randn(1200, 10)
y = bits.sum(1) % 2
train_set, val_set = random_split(TensorDataset(x, y), [960, 240])
train, val = DataLoader(train_set, 48, shuffle=True), DataLoader(val_set, 120)
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(15):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        held = sum(nn.functional.cross_entropy(model(xb), yb).item() for xb, yb in val) / len(val)
    print(f"epoch {epoch} loss {loss.item():.4f} val loss {held:.4f}")
