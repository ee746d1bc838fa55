"""A convolutional network on digits.

causes: learning-rate-too-high
line: opt = torch.optim.SGD(net.parameters(), lr=5.0)
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))
opt = torch.optim.SGD(net.parameters(), lr=5.0)
for epoch in range(4):
    tot = 0
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
        tot += loss.item()
    print("epoch", epoch, "loss", tot / 29)
