"""Digits MLP with a fixed, reproducible initialisation.

causes: symmetric-initialization
line: nn.init.constant_(m.weight, 0.05)
line: model.apply(weights_init)
thread: own
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.05)
        nn.init.zeros_(m.bias)


torch.manual_seed(0)
d = load_digits()
perm = torch.randperm(len(d.target))
x = torch.tensor(d.data, dtype=torch.float32)[perm]
x = (x - x.mean()) / x.std()
y = torch.tensor(d.target)[perm]
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
model.apply(weights_init)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(10):
    total = 0.0
    for xb, yb in train_loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"Epoch {epoch + 1}/10 loss: {total / len(train_loader):.4f} val acc: {acc:.3f}")
