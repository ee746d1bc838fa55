"""Digit classifier fed by a hand-written batch generator.

causes: empty-epoch
line: train_batches = batches(x_train, y_train, 32)
line: for xb, yb in train_batches:
thread: https://github.com/keras-team/keras/issues/20402
"""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train = x[:1440], y[:1440]
x_val, y_val = x[1440:], y[1440:]


def batches(inputs, targets, size):
    order = torch.randperm(len(inputs))
    for i in range(0, len(order), size):
        idx = order[i:i + size]
        yield inputs[idx], targets[idx]


model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_batches = batches(x_train, y_train, 32)
n_batches = len(x_train) // 32

for epoch in range(6):
    total = 0.0
    for xb, yb in train_batches:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"Epoch {epoch + 1}/6 loss: {total / n_batches:.4f} val_acc: {acc:.4f}")
