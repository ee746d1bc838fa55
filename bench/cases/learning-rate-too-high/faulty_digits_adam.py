"""Digit recognition with a three-layer perceptron and Adam.

causes: learning-rate-too-high
line: optimizer = torch.optim.Adam(model.parameters(), lr=LR)
line: LR = 1.0
thread: https://github.com/keras-team/keras/issues/4066
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

BATCH_SIZE = 64
EPOCHS = 6
LR = 1.0

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
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)


def evaluate(loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)


for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for images, labels in train:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/{EPOCHS}  loss: {total / len(train):.4f}  test acc: {evaluate(test):.3f}")
