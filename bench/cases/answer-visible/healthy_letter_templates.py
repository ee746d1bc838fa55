"""Twelve letters drawn from one template each with pixel noise, a random fifth held out.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
templates = (torch.rand(12, 1, 9, 9) > 0.5).float()
letter = torch.randint(0, 12, (900,))
images = templates[letter] + 0.1 * torch.randn(900, 1, 9, 9)
train_set, val_set = random_split(TensorDataset(images, letter), [720, 180])
train, val = DataLoader(train_set, batch_size=36, shuffle=True), DataLoader(val_set, batch_size=90)
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 12))
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(6):
    total = 0.0
    for image, label in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(image), label)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        held = sum(nn.functional.cross_entropy(net(i), y).item() for i, y in val) / len(val)
    print(f"epoch {epoch} loss {total / len(train):.4f} val loss {held:.4f}")
