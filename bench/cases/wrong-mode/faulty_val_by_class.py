"""Digit CNN with batch norm; the validation accuracy is reported class by class.

causes: wrong-mode
line: hits = (net(images[rows]).argmax(1) == labels[rows]).sum().item()
line: def per_class_accuracy(net, images, labels):
thread: https://github.com/pytorch/pytorch/issues/4741
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10),
    )


def per_class_accuracy(net, images, labels):
    scores = []
    with torch.no_grad():
        for c in range(10):
            rows = labels == c
            hits = (net(images[rows]).argmax(1) == labels[rows]).sum().item()
            scores.append(hits / rows.sum().item())
    return sum(scores) / len(scores)


def main():
    torch.manual_seed(0)
    d = load_digits()
    images = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(d.target)
    perm = torch.randperm(len(labels))
    images, labels = images[perm], labels[perm]
    loader = DataLoader(TensorDataset(images[:1300], labels[:1300]), batch_size=65, shuffle=True)
    net = build()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(8):
        total = 0.0
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        val = per_class_accuracy(net, images[1300:], labels[1300:])
        print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}, mean class accuracy {val:.3f}")


if __name__ == "__main__":
    main()
