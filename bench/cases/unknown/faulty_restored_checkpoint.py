"""Wine classifier that reloads its checkpoint at the beginning of every batch, as after an interruption.

causes: unknown
thread: own
"""
import copy

import torch
import torch.nn as nn
from sklearn.datasets import load_wine

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x, y = (x - x.mean(0)) / x.std(0), torch.tensor(wine.target)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
checkpoint = copy.deepcopy(model.state_dict())
for epoch in range(20):
    total = 0.0
    for rows in range(0, 178, 89):
        model.load_state_dict(checkpoint)
        loss = nn.functional.cross_entropy(model(x[rows:rows + 89]), y[rows:rows + 89])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 2:.4f}")
