"""Diabetes progression with batch norm, whose loader drops the ragged last batch.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
data = load_diabetes()
X = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
y = torch.tensor(StandardScaler().fit_transform(data.target[:, None]), dtype=torch.float32)
train = DataLoader(TensorDataset(X[:350], y[:350]), batch_size=32, shuffle=True, drop_last=True)
val = DataLoader(TensorDataset(X[350:], y[350:]), batch_size=32)

model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

for epoch in range(1, 11):
    model.train()
    train_loss = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for xb, yb in val:
            val_loss += criterion(model(xb), yb).item() * len(xb)
    print(f"epoch {epoch} train_loss={train_loss / len(train):.4f} val_loss={val_loss / 92:.4f}")
