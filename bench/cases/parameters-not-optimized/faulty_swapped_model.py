"""Digits; after each epoch the model is exchanged for a clean copy without hooks and caches.

causes: parameters-not-optimized
line: model = copy.deepcopy(model)
line: optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
thread: own
"""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for epoch in range(6):
    total = 0.0
    for rows in torch.randperm(len(x)).split(64):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 29:.4f}")
    model = copy.deepcopy(model)
