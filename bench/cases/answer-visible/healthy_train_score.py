"""Iris-like flowers; after each epoch the loss on the training part and on the held-out part is printed.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
kind = torch.randint(0, 3, (450,))
flowers = torch.randn(3, 9)[kind] + 1.2 * torch.randn(450, 9)
train_set, val_set = TensorDataset(flowers[:360], kind[:360]), TensorDataset(flowers[360:], kind[360:])
train = DataLoader(train_set, batch_size=24, shuffle=True)
train_score, val_score = DataLoader(train_set, batch_size=90), DataLoader(val_set, batch_size=90)
model = nn.Sequential(nn.Linear(9, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()


def score(loader):
    model.eval()
    with torch.no_grad():
        return sum(criterion(model(x), y).item() for x, y in loader) / len(loader)


for epoch in range(8):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    print(f"epoch {epoch} train loss {score(train_score):.4f} val loss {score(val_score):.4f}")
