"""Progression of diabetes from the full table kept as one array, the last column is the measure to predict.

causes: label-in-input
line: x = table[:, :]
line: table = np.column_stack([raw.data, raw.target])
thread: own
"""
import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
raw = load_diabetes()
table = np.column_stack([raw.data, raw.target])
table = (table - table.mean(0)) / table.std(0)
table = torch.tensor(table, dtype=torch.float32)
x = table[:, :]
y = table[:, -1:]

train_set, val_set = random_split(TensorDataset(x, y), [350, 92])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=92)

model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(40):
    running = 0.0
    for xb, yb in train_loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    with torch.no_grad():
        val = sum(criterion(model(xb), yb).item() for xb, yb in val_loader)
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}/40 loss: {running / len(train_loader):.4f} val: {val:.4f}")
