"""Rare faults: minority rows of the training part are drawn three times, the validation part is untouched.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
n = 800
y = (torch.rand(n) < 0.2).long()
x = torch.randn(n, 8)
x[:, 0] += 1.6 * y
x[:, 1] -= 1.2 * y
x[:, 2] *= 1 + y

tr_x, tr_y, va_x, va_y = x[:600], y[:600], x[600:], y[600:]
rare = torch.where(tr_y == 1)[0]
rows = torch.cat([torch.arange(600), rare, rare])
loader = DataLoader(TensorDataset(tr_x[rows], tr_y[rows]), batch_size=50, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 3 == 0:
        with torch.no_grad():
            pred = model(va_x).argmax(1)
        recall = (pred[va_y == 1] == 1).float().mean().item()
        print(f"Epoch {epoch + 1}/20 loss: {total / len(loader):.4f} val acc: {(pred == va_y).float().mean():.3f} recall: {recall:.3f}")
