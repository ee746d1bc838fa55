"""Digits with batch norm and dropout, validated after each epoch.

causes: wrong-mode
line: val = sum(F.cross_entropy(net(a), b).item()
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
tr = DataLoader(TensorDataset(X[:1400], Y[:1400]), 64, shuffle=True)
te = DataLoader(TensorDataset(X[1400:], Y[1400:]), 64)
for epoch in range(5):
    for xb, yb in tr:
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    with torch.no_grad():
        val = sum(F.cross_entropy(net(a), b).item() for a, b in te) / len(te)
    print(epoch, "train", loss.item(), "val", val)
