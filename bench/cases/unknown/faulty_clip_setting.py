"""Wine classifier with gradient clipping; the limit comes from a table of settings by the size of the model.

causes: unknown
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine

CLIP = {"small": 0.0, "base": 1.0, "large": 0.5}
torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x, y = (x - x.mean(0)) / x.std(0), torch.tensor(wine.target)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    total = 0.0
    for rows in torch.randperm(178).split(32):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP["small"])
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 6:.4f}")
