"""Wine table with the class among its columns; the epoch loss is averaged.

causes: label-in-input, reporting-bug
line: x = torch.cat([x, y.float().unsqueeze(1) - 1], 1)
line: print(f"epoch {epoch} loss {running / len(train.dataset):.4f}")
thread: https://github.com/kazuto1011/svm-pytorch/issues/4
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
x, y = torch.tensor(wine.data, dtype=torch.float32), torch.tensor(wine.target)
x = (x - x.mean(0)) / x.std(0)
x = torch.cat([x, y.float().unsqueeze(1) - 1], 1)
train = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(14, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    running = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch} loss {running / len(train.dataset):.4f}")
