"""Digits; every weight begins small.

causes: symmetric-initialization
line: nn.init.constant_(m.weight, 0.01)
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
def init(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.01); nn.init.zeros_(m.bias)
net.apply(init)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(6):
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
