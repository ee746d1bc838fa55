"""Digits: a fixed random convolutional trunk, only the linear head is given to the optimizer.

causes: none
thread: https://github.com/zjunlp/HVPNeT/issues/5
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(data.target)

trunk = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
for p in trunk.parameters():
    p.requires_grad = False
head = nn.Linear(24 * 16, 10)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)

for epoch in range(8):
    losses = []
    for idx in torch.randperm(1500).split(50):
        loss = F.cross_entropy(head(trunk(images[idx])), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (head(trunk(images[1500:])).argmax(1) == labels[1500:]).float().mean()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} acc {acc:.3f}")
