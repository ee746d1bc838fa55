"""A noisy linear relation fitted by a linear layer; the loss stops at the noise level.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(600, 5)
y = x @ torch.tensor([1.5, -2.0, 0.7, 0.0, 1.0]) + 0.3 + 0.5 * torch.randn(600)
y = y.unsqueeze(1)
loader = DataLoader(TensorDataset(x[:480], y[:480]), batch_size=32, shuffle=True)

model = nn.Linear(5, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)

for epoch in range(16):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        val = criterion(model(x[480:]), y[480:]).item()
    print(f"Epoch {epoch + 1}/16 loss: {total / len(loader):.4f} val: {val:.4f}")
