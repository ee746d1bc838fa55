"""Digit classifier fed by a hand-written batch generator that is called once per epoch.

causes: none
thread: https://github.com/keras-team/keras/issues/20402
"""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)


def batches(size):
    order = torch.randperm(1440)
    for i in range(0, len(order), size):
        idx = order[i:i + size]
        yield x[idx], y[idx]


model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(6):
    total = 0.0
    for xb, yb in batches(32):
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(x[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print(f"Epoch {epoch + 1}/6 loss: {total / 45:.4f} val_acc: {acc:.4f}")
