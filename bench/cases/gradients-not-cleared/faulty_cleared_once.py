"""Digits; the gradients are cleared before the first epoch.

causes: gradients-not-cleared
line: loss.backward()
line: opt.zero_grad()
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.05)
opt.zero_grad()
for epoch in range(6):
    tot = 0.0
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        tot += loss.item()
    print(f"epoch {epoch}: {tot/29:.4f}")
