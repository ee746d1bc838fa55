"""Circle against ring with a sigmoid output and BCELoss.

causes: none
thread: own
"""
import math

import torch
import torch.nn as nn

torch.manual_seed(7)
n = 400
angle = 2 * math.pi * torch.rand(n)
y = torch.randint(0, 2, (n, 1)).float()
radius = 0.5 + 1.0 * y.squeeze(1) + 0.1 * torch.randn(n)
X = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)

net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)

for epoch in range(150):
    p = net(X)
    loss = criterion(p, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 25 == 0 or epoch == 149:
        acc = ((p > 0.5).float() == y).float().mean()
        print("epoch %d  loss %.4f  acc %.3f" % (epoch, loss.item(), acc.item()))
