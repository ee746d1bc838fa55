"""Lesion segmentation from four-channel slices read from one array file.

causes: label-in-input
line: volumes = torch.cat([slices, lesions.unsqueeze(1).float()], 1)
line: self.images, self.masks = volumes, lesions
thread: https://github.com/mingzhu0527/MASHQA/issues/5
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Slices(Dataset):
    def __init__(self, n, size=16):
        rows, cols = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        centre = torch.randint(4, size - 4, (n, 2, 1, 1))
        radius = torch.randint(2, 4, (n, 1, 1))
        lesions = ((rows - centre[:, 0]) ** 2 + (cols - centre[:, 1]) ** 2 <= radius**2).long()
        slices = torch.randn(n, 3, size, size) + 0.5 * lesions.unsqueeze(1)
        volumes = torch.cat([slices, lesions.unsqueeze(1).float()], 1)
        self.images, self.masks = volumes, lesions

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.masks[i]


torch.manual_seed(2)
train, val = DataLoader(Slices(320), 16, shuffle=True), DataLoader(Slices(64), 32)
net = nn.Sequential(nn.Conv2d(4, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 2, 3, padding=1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 0.8]))
for epoch in range(6):
    for image, mask in train:
        optimizer.zero_grad()
        loss = criterion(net(image), mask)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = sum(criterion(net(i), m).item() for i, m in val) / len(val)
    print("epoch %d loss %.4f val %.4f" % (epoch, loss.item(), val_loss))
