"""Digits; the network is copied after its optimizer was made.

causes: parameters-not-optimized
line: opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
line: net = copy.deepcopy(net)
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

import copy
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net = copy.deepcopy(net)
for epoch in range(5):
    s = 0.0
    for xb, yb in DataLoader(TensorDataset(X, Y), 50, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        s += loss.item()
    print("epoch %d loss %.4f" % (epoch, s / 36))
