"""Digit recognition with SGD under a one-cycle schedule that peaks at 0.3.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BATCH_SIZE = 64
EPOCHS = 8
LR = 0.3

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.images, dtype=torch.float32).div(16.0)
y = torch.tensor(digits.target)
train = DataLoader(TensorDataset(X[:1500], y[:1500]), batch_size=BATCH_SIZE, shuffle=True)
test = DataLoader(TensorDataset(X[1500:], y[1500:]), batch_size=BATCH_SIZE)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=EPOCHS * len(train))

for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for images, labels in train:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        correct = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test)
    print(f"Epoch {epoch + 1}/{EPOCHS}  loss: {total / len(train):.4f}  test acc: {correct / len(test.dataset):.3f}")
