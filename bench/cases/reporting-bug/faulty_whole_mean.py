"""Digits; the mean of an epoch is printed.

causes: reporting-bug
line: mean = sum(losses) // len(losses)
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(4):
    losses = []
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    mean = sum(losses) // len(losses)
    print(f"epoch {epoch} train_loss={mean:.4f}")
