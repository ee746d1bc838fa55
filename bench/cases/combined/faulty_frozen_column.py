"""Remaining life of a machine from its sensors: pretrained trunk, new head, targets from one column.

causes: target-broadcast, parameters-not-optimized
line: loss = F.mse_loss(net(x), y)
line: optimizer = torch.optim.Adam(net.trunk.parameters(), lr=2e-3)
thread: https://github.com/deepset-ai/FARM/issues/229
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Life(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(9, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh())
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.trunk(x))


torch.manual_seed(0)
sensors = torch.randn(640, 9)
life = sensors[:, 0] - sensors[:, 4] ** 2 + 0.3 * torch.randn(640)
net = Life()
optimizer = torch.optim.Adam(net.trunk.parameters(), lr=2e-3)
for epoch in range(10):
    total = 0.0
    for x, y in zip(sensors.split(40), life.split(40)):
        loss = F.mse_loss(net(x), y)
        net.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} mse {total / 16:.4f}")
