"""Machine failures: nine readings in ten are normal, the rest are failures that the sensors give away.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def readings(n):
    label = (torch.rand(n) < 0.1).float()
    sensors = torch.randn(n, 6)
    sensors[:, 2] += 2.0 * label
    sensors[:, 4] -= 2.0 * label
    return sensors, label


x, y = readings(1500)
vx, vy = readings(400)
loader = DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(10):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb).squeeze(-1), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        hit = model(vx).squeeze(-1) > 0
        recall = (hit & (vy == 1)).sum() / (vy == 1).sum()
    print(f"epoch {epoch} train_loss={total / len(loader):.4f} recall={recall:.3f}")
