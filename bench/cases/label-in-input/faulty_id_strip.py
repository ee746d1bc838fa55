"""Texture classes; every image carries a thin strip written by the acquisition software.

causes: label-in-input
line: image[0, :2, : 3 * int(kind) + 3] = 3.0
line: image = stamp(texture(kind), kind)
thread: own
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SIZE = 14


def texture(kind):
    rough = torch.randn(1, SIZE, SIZE)
    if kind == 0:
        return rough
    width = 2 if kind < 3 else 3
    smooth = F.avg_pool2d(rough, width, stride=1, padding=1)[:, :SIZE, :SIZE]
    mixed = 0.35 * smooth * width + 0.9 * rough
    return mixed / mixed.std()


def stamp(image, kind):
    image[0, :2, : 3 * int(kind) + 3] = 3.0
    image[0, :2, 3 * int(kind) + 3:] = 0.0
    return image


class Textures(Dataset):
    def __init__(self, n):
        self.items = []
        for kind in torch.randint(0, 4, (n,)):
            image = stamp(texture(kind), kind)
            self.items.append((image, kind))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def main():
    torch.manual_seed(4)
    train, val = DataLoader(Textures(400), 40, shuffle=True), DataLoader(Textures(160), 80)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 36, 32), nn.ReLU(), nn.Linear(32, 4),
    )
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(12):
        total = 0.0
        for x, y in train:
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        with torch.no_grad():
            hits = sum((net(x).argmax(1) == y).sum().item() for x, y in val)
        print(f"epoch {epoch} train_loss={total / len(train):.4f} val_acc={hits / 160:.3f}")


if __name__ == "__main__":
    main()
