"""Optical density of stained slides, from transmitted light; cell count regression.

causes: non-finite-data
line: density = -torch.log(light)
line: prediction = net(density).squeeze(1)
thread: https://github.com/prs-eth/Marigold/issues/111
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
cells = torch.randint(1, 9, (400,)).float()
light = (0.9 - 0.05 * cells.view(-1, 1, 1, 1) + 0.1 * torch.rand(400, 1, 10, 10)).clamp(max=1)
light[233, 0, 4, 7] = 0.0
loader = DataLoader(TensorDataset(light, cells / 8), batch_size=20)
net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(3):
    losses = []
    for light, count in loader:
        density = -torch.log(light)
        prediction = net(density).squeeze(1)
        loss = nn.functional.mse_loss(prediction, count)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} first loss {losses[0]:.4f} last loss {losses[-1]:.4f}")
