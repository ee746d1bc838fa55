"""A deep network on digits.

causes: vanishing-gradient
line: layers += [nn.Linear(64, 64), nn.Sigmoid()]
line: net = nn.Sequential(*layers, nn.Linear(64, 10))
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

layers = []
for i in range(12):
    layers += [nn.Linear(64, 64), nn.Sigmoid()]
net = nn.Sequential(*layers, nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(6):
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
