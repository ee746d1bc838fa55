"""Two kinds of small textures; the forty photographs are augmented to a thousand, then split.

causes: answer-visible
line: order = torch.randperm(len(images))
line: val_x, val_y = images[order[:200]], labels[order[:200]]
thread: https://github.com/MakazhanAlpamys/Soup/issues/680
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def photographs(n, size=12):
    base = torch.randn(n, 1, 4, 4)
    return F.interpolate(base, size, mode="bilinear"), torch.randint(0, 2, (n,))


def augment(images, labels, times):
    copies = images.repeat(times, 1, 1, 1)
    brightness = 1 + 0.05 * torch.randn(len(copies), 1, 1, 1)
    return copies * brightness + 0.05 * torch.randn_like(copies), labels.repeat(times)


def main():
    torch.manual_seed(7)
    images, labels = augment(*photographs(40), times=25)
    order = torch.randperm(len(images))
    val_x, val_y = images[order[:200]], labels[order[:200]]
    train_x, train_y = images[order[200:]], labels[order[200:]]
    train = DataLoader(TensorDataset(train_x, train_y), 50, shuffle=True)
    val = DataLoader(TensorDataset(val_x, val_y), 50)
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1600, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.BCEWithLogitsLoss()
    for epoch in range(10):
        model.train()
        for x, y in train:
            loss = loss_fn(model(x).squeeze(1), y.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(x).squeeze(1), y.float()).item() for x, y in val) / len(val)
        print("epoch", epoch, "loss %.4f val_loss %.4f" % (loss.item(), val_loss))


main()
