"""A regression whose error has a name of its own.

causes: target-broadcast
line: err = model(x[chunk]) - y[chunk]
thread: own
"""
import torch
from torch import nn
from sklearn.datasets import load_diabetes
torch.manual_seed(0)
data = load_diabetes()
x = torch.tensor(data.data / data.data.std(0), dtype=torch.float32)
y = torch.tensor((data.target - data.target.mean()) / data.target.std(), dtype=torch.float32)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(40):
    perm = torch.randperm(len(x))
    total = 0
    for chunk in perm.split(34):
        err = model(x[chunk]) - y[chunk]
        loss = err.pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 10 == 0: print(epoch, total / 13)
