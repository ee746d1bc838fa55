"""Digits in batches that are split once.

causes: empty-epoch
line: for xb, yb in batches:
line: batches = zip(X.split(64), Y.split(64))
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Linear(64, 10)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
batches = zip(X.split(64), Y.split(64))
for epoch in range(4):
    total, n = 0.0, 0
    for xb, yb in batches:
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
        total += loss.item(); n += 1
    print(f"epoch {epoch} loss {total / max(n, 1):.4f}")
