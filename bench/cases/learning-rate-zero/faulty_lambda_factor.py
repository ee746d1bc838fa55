"""Digits, with a learning rate that a lambda lowers.

causes: learning-rate-zero
line: sched = torch.optim.lr_scheduler.LambdaLR
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: 1 - step // 1 if step < 1 else 0.0)
for epoch in range(5):
    for xb, yb in DataLoader(TensorDataset(X, Y), 50, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
    print("epoch %d loss %.4f" % (epoch, loss))
