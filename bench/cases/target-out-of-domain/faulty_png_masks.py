"""Segment rectangles; masks are kept as 8-bit images the way they come from a PNG file.

causes: target-out-of-domain
line: mask = torch.from_numpy(self.masks[i]).float().unsqueeze(0)
line: loss = criterion(net(image), mask)
thread: own
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class RectangleSet(Dataset):
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        self.images = np.zeros((n, 16, 16), np.uint8)
        self.masks = np.zeros((n, 16, 16), np.uint8)
        for k in range(n):
            r, c = rng.randint(0, 8, 2)
            h, w = rng.randint(4, 8, 2)
            self.masks[k, r:r + h, c:c + w] = 255
            self.images[k] = np.clip(self.masks[k] * 0.6 + rng.normal(40, 20, (16, 16)), 0, 255)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i]).float().unsqueeze(0) / 255
        mask = torch.from_numpy(self.masks[i]).float().unsqueeze(0)
        return image, mask


def main():
    torch.manual_seed(2)
    loader = DataLoader(RectangleSet(200, 1), batch_size=20, shuffle=True)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.Conv2d(8, 1, 1),
    )
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(1, 9):
        epoch_loss = 0.0
        for image, mask in loader:
            loss = criterion(net(image), mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        print("Epoch {}/8 loss: {:.4f}".format(epoch, epoch_loss / len(loader)))


if __name__ == "__main__":
    main()
