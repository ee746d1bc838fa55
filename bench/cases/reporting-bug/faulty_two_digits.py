"""Depth regression from small image patches; the depths are offsets in metres around zero.

causes: reporting-bug
line: print("epoch: %d  Loss: %.2f" % (epoch, sum(history) / len(history)))
thread: https://github.com/Canjie-Luo/MORAN_v2/issues/17
"""
import torch
import torch.nn as nn

torch.manual_seed(9)


def patches(n):
    tilt = torch.randn(n, 2)
    grid = torch.linspace(-1, 1, 8)
    image = tilt[:, 0, None, None] * grid[:, None] + tilt[:, 1, None, None] * grid[None, :]
    image = image + 0.05 * torch.randn(n, 8, 8)
    depth = 0.03 * torch.tanh(tilt[:, 0]) + 0.02 * tilt[:, 1]
    return image.unsqueeze(1), depth.unsqueeze(1)


net = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(8 * 4 * 4, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
images, depth = patches(800)

with torch.no_grad():
    start = (net(images) - depth).abs().mean().item()
print("mean error before training: %.4f m" % start)

for epoch in range(10):
    history = []
    for idx in torch.randperm(800).split(32):
        loss = criterion(net(images[idx]), depth[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    print("epoch: %d  Loss: %.2f" % (epoch, sum(history) / len(history)))
