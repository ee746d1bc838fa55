"""Predicts a standardised temperature anomaly from weather features.

causes: output-activation-mismatch
line: nn.Sigmoid(),
line: loss = loss_fn(net(xb), yb)
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(800, 6)
raw = 2.0 * X[:, 0] - X[:, 1] + torch.sin(2 * X[:, 2]) + 0.1 * torch.randn(800)
y = ((raw - raw.mean()) / raw.std()).unsqueeze(1)
train = DataLoader(TensorDataset(X[:640], y[:640]), batch_size=32, shuffle=True)

net = nn.Sequential(
    nn.Linear(6, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
    nn.Sigmoid(),
)
loss_fn = nn.MSELoss()
optim = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(20):
    total = 0.0
    for xb, yb in train:
        loss = loss_fn(net(xb), yb)
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item() * len(xb)
    if (epoch + 1) % 4 == 0:
        with torch.no_grad():
            val = loss_fn(net(X[640:]), y[640:]).item()
        print(f"Epoch {epoch + 1}/20 train: {total / 640:.4f} val: {val:.4f}")
