"""Digits with four jittered copies of every training image per epoch.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Jittered(Dataset):
    def __init__(self, x, y, copies=4):
        self.x, self.y, self.copies = x, y, copies

    def __len__(self):
        return len(self.x) * self.copies

    def __getitem__(self, index):
        i = index % len(self.x)
        return self.x[i] + 0.15 * torch.randn_like(self.x[i]), self.y[i]


def main():
    torch.manual_seed(0)
    d = load_digits()
    perm = torch.randperm(len(d.target))
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)[perm] / 16
    y = torch.tensor(d.target)[perm]
    train = DataLoader(Jittered(x[:600], y[:600]), batch_size=64, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(8):
        total = 0.0
        for xb, yb in train:
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
        print(f"Epoch {epoch + 1}/8 loss: {total / len(train):.4f} val_acc: {acc:.3f}")


if __name__ == "__main__":
    main()
