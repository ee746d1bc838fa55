"""Tumour table with a probability head and the loss that takes probabilities.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
raw = load_breast_cancer()
X = torch.tensor(raw.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(raw.target, dtype=torch.float32).unsqueeze(1)
idx = torch.randperm(len(X))
train_idx, val_idx = idx[:450], idx[450:]
loader = DataLoader(TensorDataset(X[train_idx], y[train_idx]), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(15):
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    with torch.no_grad():
        val = criterion(model(X[val_idx]), y[val_idx]).item()
    print(f"Epoch {epoch + 1}/15 loss: {total / len(train_idx):.4f} val: {val:.4f}")
