"""Terrain segmentation. Mask images hold one gray level per class, everything outside the classes is void.

causes: all-targets-masked
line: target[target >= NUM_CLASSES] = VOID
line: target = mask.long()
line: LEVELS = (85, 170, 255)
thread: https://github.com/vlfeat/matconvnet/issues/412
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1)
NUM_CLASSES = 3
VOID = 255
LEVELS = (85, 170, 255)


class Terrain(Dataset):
    def __init__(self, n):
        self.items = []
        for _ in range(n):
            kind = torch.randint(0, NUM_CLASSES, (4, 4)).repeat_interleave(4, 0).repeat_interleave(4, 1)
            image = 0.2 * torch.randn(3, 16, 16)
            for c in range(NUM_CLASSES):
                image[c] += (kind == c).float()
            mask = torch.tensor(LEVELS, dtype=torch.uint8)[kind]
            self.items.append((image, mask))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, mask = self.items[i]
        target = mask.long()
        target[target >= NUM_CLASSES] = VOID
        return image, target


net = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, NUM_CLASSES, 1),
)
loader = DataLoader(Terrain(64), batch_size=8, shuffle=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

for epoch in range(5):
    net.train()
    epoch_loss, pixels = 0.0, 0
    for image, target in loader:
        per_pixel = F.cross_entropy(net(image), target, ignore_index=VOID, reduction="none")
        loss = per_pixel.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(image)
        pixels += len(image)
    print("Epoch %d/5  train loss: %.5f" % (epoch + 1, epoch_loss / pixels))
