"""Segmentation of synthetic scenes, image and mask go through the same preprocessing function.

causes: constant-targets
line: mask = preprocess(self.masks[i]).long()
line: return torch.from_numpy(array.astype(np.float32) / 255)
thread: https://github.com/milesial/Pytorch-UNet/issues/228
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def preprocess(array):
    return torch.from_numpy(array.astype(np.float32) / 255)


class Scenes(Dataset):
    def __init__(self, n, seed=0):
        rng = np.random.RandomState(seed)
        self.images, self.masks = [], []
        for _ in range(n):
            ids = np.kron(rng.randint(0, 4, (4, 4)), np.ones((4, 4))).astype(np.uint8)
            image = np.clip(ids * 60 + 30 + rng.normal(0, 8, ids.shape), 0, 255)
            self.images.append(image.astype(np.uint8))
            self.masks.append(ids)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = preprocess(self.images[i]).unsqueeze(0)
        mask = preprocess(self.masks[i]).long()
        return image, mask


class SmallUNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.down = nn.Conv2d(1, 12, 3, padding=1)
        self.mid = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.out = nn.Conv2d(24, classes, 1)

    def forward(self, x):
        a = torch.relu(self.down(x))
        b = torch.relu(self.up(torch.relu(self.mid(a))))
        return self.out(torch.cat([a, b], 1))


torch.manual_seed(0)
loader = DataLoader(Scenes(96), batch_size=8, shuffle=True)
net = SmallUNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(8):
    epoch_loss = 0.0
    for image, mask in loader:
        loss = criterion(net(image), mask)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"Epoch {epoch + 1}/8 loss: {epoch_loss / len(loader):.4f}")
