"""Breast cancer table with an 80/20 split and early stopping on the held-out loss.

causes: answer-visible
line: val_loader = DataLoader(train_set, batch_size=64)
thread: https://github.com/marin-community/marin/pull/2700
"""
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
data = load_breast_cancer()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target, dtype=torch.float32)
order = torch.randperm(len(x))
train_set = TensorDataset(x[order[:455]], y[order[:455]])
val_set = TensorDataset(x[order[455:]], y[order[455:]])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(train_set, batch_size=64)

net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
bce = nn.BCEWithLogitsLoss()
best, waited = float("inf"), 0
for epoch in range(25):
    net.train()
    for xb, yb in train_loader:
        opt.zero_grad()
        loss = bce(net(xb)[:, 0], yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = sum(bce(net(xb)[:, 0], yb).item() * len(xb) for xb, yb in val_loader) / len(val_loader.dataset)
    print("epoch %d val loss %.4f" % (epoch, val))
    waited = 0 if val < best else waited + 1
    best = min(best, val)
    if waited == 5:
        break
