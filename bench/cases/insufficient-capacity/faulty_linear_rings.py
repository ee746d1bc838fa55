"""Two rings of points told apart by logistic regression.

causes: insufficient-capacity
line: model = nn.Linear(2, 1)
thread: textbook
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
n = 600
ring = torch.randint(0, 2, (n,)).float()
phi = 2 * math.pi * torch.rand(n)
r = 1.0 + ring + 0.15 * torch.randn(n)
points = torch.stack([r * torch.cos(phi), r * torch.sin(phi)], dim=1)
loader = DataLoader(TensorDataset(points, ring.unsqueeze(1)), batch_size=40, shuffle=True)

model = nn.Linear(2, 1)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(20):
    total, hits = 0.0, 0
    for xb, yb in loader:
        out = model(xb)
        loss = criterion(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
        hits += ((out > 0).float() == yb).sum().item()
    if epoch % 2 == 1:
        print(f"Epoch {epoch + 1}/20 loss: {total / n:.4f} acc: {hits / n:.3f}")
