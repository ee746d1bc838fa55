"""Tiles are read in directory order, their classes from a sorted list of the same names.

causes: inputs-unrelated
line: labels = torch.tensor([classes[name] for name in sorted(names)])
line: tiles = torch.stack([read(name) for name in names])
thread: https://github.com/1204BUPT/Zhu-Net-image-steganalysis/issues/1
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
names = [f"tile_{i}.png" for i in torch.randperm(800).tolist()]
classes = {name: int(torch.randint(0, 4, (1,))) for name in names}
kernels = torch.randn(4, 1, 9, 9)


def read(name):
    return kernels[classes[name]] + 0.7 * torch.randn(1, 9, 9)


tiles = torch.stack([read(name) for name in names])
labels = torch.tensor([classes[name] for name in sorted(names)])
loader = DataLoader(TensorDataset(tiles, labels), batch_size=40, shuffle=True)
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 4))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(5):
    total = 0.0
    for image, label in loader:
        loss = nn.functional.cross_entropy(net(image), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(loader):.4f}")
