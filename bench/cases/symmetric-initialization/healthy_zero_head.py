"""Digits residual MLP: the last layer and the second half of every block start at zero.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x):
        return x + self.down(torch.tanh(self.up(x)))


torch.manual_seed(0)
d = load_digits()
perm = torch.randperm(len(d.target))
x = torch.tensor(d.data, dtype=torch.float32)[perm]
x = (x - x.mean()) / x.std()
y = torch.tensor(d.target)[perm]
loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=64, shuffle=True)

head = nn.Linear(48, 10)
nn.init.zeros_(head.weight)
model = nn.Sequential(nn.Linear(64, 48), Block(48), Block(48), head)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(8):
    total = 0.0
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"Epoch {epoch + 1}/8 loss: {total / len(loader):.4f} val acc: {acc:.3f}")
