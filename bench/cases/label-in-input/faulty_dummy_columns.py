"""Cultivar of a wine; the table is one-hot encoded and standardised as a whole.

causes: label-in-input
line: table = np.hstack([table[:, :13], np.eye(3)[table[:, 13].astype(int)]])
line: features = (table - table.mean(0)) / table.std(0)
thread: https://github.com/mingzhu0527/MASHQA/issues/5
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine

wine = load_wine()
table = np.column_stack([wine.data, wine.target])
target = torch.tensor(wine.target)
table = np.hstack([table[:, :13], np.eye(3)[table[:, 13].astype(int)]])
features = (table - table.mean(0)) / table.std(0)
inputs = torch.tensor(features, dtype=torch.float32)

torch.manual_seed(0)
permuted = torch.randperm(len(inputs))
train, test = permuted[:140], permuted[140:]
model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(30):
    model.train()
    for rows in train[torch.randperm(140)].split(20):
        loss = F.cross_entropy(model(inputs[rows]), target[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = (model(inputs[test]).argmax(1) == target[test]).float().mean()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.5f} test accuracy {right:.3f}")
