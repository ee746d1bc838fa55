"""Patches and edge directions read side by side from two loaders that both keep the order.

causes: none
thread: https://github.com/nikhilroxtomar/FANet/issues/1
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(13)


def edges(n, size=10):
    theta = torch.rand(n) * math.pi
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    proj = xx * torch.cos(theta)[:, None, None] + yy * torch.sin(theta)[:, None, None]
    return torch.sigmoid(6 * proj).unsqueeze(1) + 0.05 * torch.randn(n, 1, size, size), theta / math.pi


images, angles = edges(500)
image_loader = DataLoader(images, batch_size=25, shuffle=False)
angle_loader = DataLoader(angles, batch_size=25, shuffle=False)

cnn = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Linear(8 * 16, 24), nn.ReLU(), nn.Linear(24, 1), nn.Flatten(0),
)
opt = torch.optim.Adam(cnn.parameters(), lr=2e-3)
for epoch in range(15):
    total = 0.0
    for img, ang in zip(image_loader, angle_loader):
        loss = ((cnn(img) - ang) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    print("epoch %d mse %.4f" % (epoch, total / len(image_loader)))
