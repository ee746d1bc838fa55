"""Digits with a ten-layer ReLU network whose weights start as standard normals.

causes: exploding-gradient
line: nn.init.normal_(layer.weight)
line: optimizer.step()
thread: textbook
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)

sizes = [64] + [64] * 9 + [10]
blocks = []
for a, b in zip(sizes[:-1], sizes[1:]):
    layer = nn.Linear(a, b)
    nn.init.normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    blocks += [layer, nn.ReLU()]
model = nn.Sequential(*blocks[:-1])

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(1, 9):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch}/8 loss: {total / len(loader):.4f}")
