"""Estimates the distance in metres (2 to 20) of a square from its apparent size.

causes: output-activation-mismatch
line: return torch.tanh(self.fc2(x))
line: loss = F.mse_loss(net(images[idx]), metres[idx])
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class DistanceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc1 = nn.Linear(8 * 16, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return torch.tanh(self.fc2(x))


def render(n, size=16):
    metres = 2.0 + 18.0 * torch.rand(n, 1)
    images = 0.1 * torch.randn(n, 1, size, size)
    for i in range(n):
        half = max(1, round(14.0 / metres[i].item()))
        images[i, 0, 8 - half:8 + half, 8 - half:8 + half] += 1.0
    return images, metres


torch.manual_seed(25)
images, metres = render(300)
net = DistanceNet()
optimizer = torch.optim.RMSprop(net.parameters(), lr=5e-4)
for epoch in range(12):
    losses = []
    for idx in torch.randperm(len(images)).split(25):
        loss = F.mse_loss(net(images[idx]), metres[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}  mse={sum(losses) / len(losses):.2f} m^2")
