"""Wine cultivars from a table with empty cells, which get the mean of their column.

causes: none
thread: https://github.com/circleAhn/TESLA-tf/issues/1
"""
import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
table, target = load_wine(return_X_y=True)
table[np.random.RandomState(0).rand(*table.shape) < 0.03] = np.nan
table = np.where(np.isnan(table), np.nanmean(table, axis=0), table)
x = torch.tensor((table - table.mean(0)) / table.std(0), dtype=torch.float32)
loader = DataLoader(TensorDataset(x, torch.tensor(target)), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    running = 0.0
    for inputs, labels in loader:
        loss = criterion(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"Epoch {epoch + 1}/10 loss: {running / len(loader):.4f}")
