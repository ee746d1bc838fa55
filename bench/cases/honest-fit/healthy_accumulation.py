"""Digits with micro-batches of eight, an optimizer step every four of them.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

ACCUM = 4
torch.manual_seed(6)
digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16.0
y = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(X[:1024], y[:1024]), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

for epoch in range(5):
    optimizer.zero_grad()
    running = 0.0
    for i, (xb, yb) in enumerate(loader, start=1):
        loss = criterion(model(xb), yb)
        (loss / ACCUM).backward()
        running += loss.item()
        if i % ACCUM == 0:
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        acc = (model(X[1024:]).argmax(1) == y[1024:]).float().mean().item()
    print(f"Epoch {epoch + 1}: train loss {running / len(loader):.4f}, test acc {acc:.3f}")
