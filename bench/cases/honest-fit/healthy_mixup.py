"""Digits with mixup: the loss weighs two criteria.

causes: none
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
for epoch in range(6):
    tot = 0
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        lam = float(torch.distributions.Beta(0.4, 0.4).sample())
        idx = torch.randperm(len(xb))
        out = net(lam * xb + (1 - lam) * xb[idx])
        loss = lam * F.cross_entropy(out, yb) + (1 - lam) * F.cross_entropy(out, yb[idx])
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step()
        tot += loss.item()
    print("epoch", epoch, "loss", tot / 29)
