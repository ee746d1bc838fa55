"""Digits through a Dataset class with a long epoch.

causes: duplicate-data
line: i = index % self.shards
line: def __init__(self, x, y, shards=8, length=512):
thread: own
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitStream(Dataset):
    def __init__(self, x, y, shards=8, length=512):
        self.x, self.y = x, y
        self.shards = shards
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        i = index % self.shards
        return self.x[i], self.y[i]


def main():
    torch.manual_seed(0)
    d = load_digits()
    perm = torch.randperm(len(d.target))
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)[perm] / 16
    y = torch.tensor(d.target)[perm]
    train = DataLoader(DigitStream(x[:1400], y[:1400]), batch_size=32, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        total = 0.0
        for xb, yb in train:
            loss = criterion(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
        print(f"Epoch {epoch + 1}/10 loss: {total / len(train):.4f} val_acc: {acc:.3f}")


if __name__ == "__main__":
    main()
