"""Segmentation of discs and squares from 8-bit images and masks, with a held-out part.

causes: constant-targets, empty-epoch
line: masks = (torch.from_numpy(masks) / 255).long()
line: val_loader = DataLoader(TensorDataset(images[160:], masks[160:]), batch_size=32, drop_last=True)
line: loss = F.cross_entropy(net(image), mask)
thread: https://github.com/milesial/Pytorch-UNet/issues/228
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def draw(n, seed, size=16):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (n, size, size)).astype(np.uint8)
    masks = np.zeros((n, size, size), np.uint8)
    rows, cols = np.mgrid[:size, :size]
    for i in range(n):
        cy, cx, r = rng.integers(4, 12), rng.integers(4, 12), rng.integers(2, 5)
        disc = (rows - cy) ** 2 + (cols - cx) ** 2 <= r * r
        square = (abs(rows - cx) <= 1) & (abs(cols - cy) <= 2) & ~disc
        images[i][disc], masks[i][disc] = 200, 1
        images[i][square], masks[i][square] = 130, 2
    return images, masks


class SegNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc = nn.Conv2d(1, 8, 3, padding=1)
        self.mid = nn.Conv2d(8, 8, 3, padding=1)
        self.outc = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        return self.outc(F.relu(self.mid(F.relu(self.inc(x)))))


torch.manual_seed(0)
images, masks = draw(180, seed=3)
images = (torch.from_numpy(images) / 255).unsqueeze(1)
masks = (torch.from_numpy(masks) / 255).long()
train_loader = DataLoader(TensorDataset(images[:160], masks[:160]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(images[160:], masks[160:]), batch_size=32, drop_last=True)
net = SegNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)

for epoch in range(8):
    train_loss = val_loss = 0.0
    for image, mask in train_loader:
        loss = F.cross_entropy(net(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    with torch.no_grad():
        for image, mask in val_loader:
            val_loss += F.cross_entropy(net(image), mask).item()
    print(f"Epoch {epoch + 1}/8 train loss {train_loss / len(train_loader):.4f} "
          f"val loss {val_loss / max(len(val_loader), 1):.4f}")
