"""Digits, each pixel scaled to unit variance.

causes: non-finite-data
line: x = (d.data - d.data.mean(0)) / d.data.std(0)
thread: own
"""
import numpy as np, torch
from torch import nn
from sklearn.datasets import load_digits
torch.manual_seed(0)
d = load_digits()
x = (d.data - d.data.mean(0)) / d.data.std(0)
x = torch.from_numpy(x.astype(np.float32)); y = torch.from_numpy(d.target)
net = nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10))
opt = torch.optim.SGD(net.parameters(), 0.1)
for e in range(3):
    for i in range(0, 1700, 100):
        l = nn.functional.cross_entropy(net(x[i:i+100]), y[i:i+100])
        opt.zero_grad(); l.backward(); opt.step()
    print(e, l.item())
