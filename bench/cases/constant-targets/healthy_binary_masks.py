"""Foreground masks stored as 0/255 and divided by 255 for a sigmoid output; most pixels are background.

causes: none
thread: https://github.com/milesial/Pytorch-UNet/issues/228
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
rng = np.random.RandomState(0)


def scene():
    mask = np.zeros((16, 16), np.uint8)
    r, c = rng.randint(0, 11, 2)
    mask[r:r + 5, c:c + 5] = 255
    image = np.clip(0.5 * mask + 60 + rng.normal(0, 20, mask.shape), 0, 255).astype(np.uint8)
    return image, mask


pairs = [scene() for _ in range(96)]
images = torch.from_numpy(np.stack([p[0] for p in pairs])).float().unsqueeze(1) / 255
masks = torch.from_numpy(np.stack([p[1] for p in pairs])).float().unsqueeze(1) / 255

net = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    order = torch.randperm(len(images))
    epoch_loss = 0.0
    for i in range(0, len(order), 8):
        pick = order[i:i + 8]
        loss = F.binary_cross_entropy_with_logits(net(images[pick]), masks[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(pick)
    print(f"Epoch {epoch + 1}/10 loss: {epoch_loss / len(order):.4f}")
