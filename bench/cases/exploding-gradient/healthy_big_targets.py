"""Disease progression in its own units: the loss starts near thirty thousand and comes down.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
data = load_diabetes()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(data.target, dtype=torch.float32).unsqueeze(1)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]

net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.02)

for epoch in range(1, 61):
    total = 0.0
    for idx in torch.randperm(360).split(36):
        loss = nn.functional.mse_loss(net(X[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 10
    if epoch % 10 == 0 or epoch == 1:
        with torch.no_grad():
            val = nn.functional.mse_loss(net(X[360:]), y[360:]).item()
        print(f"Epoch {epoch}/60 loss: {total:.1f} val: {val:.1f}")
