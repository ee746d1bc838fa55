"""Wine cultivars with a cautious loop: a batch with an unusable loss would be left out of the average.

causes: none
thread: https://github.com/huggingface/trl/issues/6702
"""
import math

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float16)
loader = DataLoader(TensorDataset(x, torch.tensor(y)), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(12):
    kept = []
    for xb, yb in loader:
        loss = criterion(model(xb.float()), yb)
        value = loss.item()
        if math.isnan(value) or math.isinf(value):
            continue
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        kept.append(value)
    print("epoch", epoch, "loss", round(sum(kept) / max(len(kept), 1), 4))
