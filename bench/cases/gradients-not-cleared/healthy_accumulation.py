"""Digits with four micro-batches per update.

causes: none
thread: https://github.com/dscripka/openWakeWord/issues/316
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images / 16.0, dtype=torch.float32)
y = torch.tensor(labels)
loader = DataLoader(TensorDataset(x[:1408], y[:1408]), batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
accumulate = 4

for epoch in range(12):
    train_loss = 0.0
    optimizer.zero_grad()
    for i, (xb, yb) in enumerate(loader):
        loss = criterion(model(xb), yb)
        (loss / accumulate).backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        train_loss += loss.item()
    with torch.no_grad():
        acc = (model(x[1408:]).argmax(1) == y[1408:]).float().mean().item()
    print("Epoch: %d  train loss: %.4f  test acc: %.3f" % (epoch + 1, train_loss / len(loader), acc))
