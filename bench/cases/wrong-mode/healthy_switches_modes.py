"""Digit CNN with batch norm and dropout, class-by-class validation in evaluation mode.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
images = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(d.target)
perm = torch.randperm(len(labels))
images, labels = images[perm], labels[perm]
loader = DataLoader(TensorDataset(images[:1300], labels[:1300]), batch_size=65, shuffle=True)

net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10),
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)


def per_class_accuracy():
    net.eval()
    scores = []
    with torch.no_grad():
        for c in range(10):
            rows = labels[1300:] == c
            scores.append((net(images[1300:][rows]).argmax(1) == c).float().mean().item())
    net.train()
    return sum(scores) / 10


for epoch in range(8):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}, mean class accuracy {per_class_accuracy():.3f}")
