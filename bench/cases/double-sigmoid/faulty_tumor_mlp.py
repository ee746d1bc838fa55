"""Malignant or benign from the breast cancer table, an MLP with a probability head.

The author expects the loss to get close to zero on a data set that is easy.

causes: double-sigmoid
line: nn.Sigmoid(),
line: criterion = nn.BCEWithLogitsLoss()
line: loss = criterion(out, yb)
thread: https://github.com/yudi-mars/daisyRec/pull/15
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

model = nn.Sequential(
    nn.Linear(30, 32),
    nn.ReLU(),
    nn.Linear(32, 16),
    nn.ReLU(),
    nn.Linear(16, 1),
    nn.Sigmoid(),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(20):
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    with torch.no_grad():
        acc = ((model(X[val_idx]) > 0.5).float() == y[val_idx]).float().mean()
    print(f"Epoch {epoch + 1}/20 loss: {total / len(train_idx):.4f} val acc: {acc:.3f}")
