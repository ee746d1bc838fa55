"""Imbalanced regression with a batch-wise Monte Carlo loss: each prediction must pick its own target.

causes: no-contrast
line: loader = DataLoader(TensorDataset(X, y), batch_size=1, shuffle=True)
line: loss = F.cross_entropy(logits, torch.arange(len(pred)))
line: logits = -(pred - target.T).pow(2) / (2 * noise_var)
thread: https://github.com/jiawei-ren/BalancedMSE/issues/19
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(data.target, dtype=torch.float32).unsqueeze(1)
y = (y - y.mean()) / y.std()

loader = DataLoader(TensorDataset(X, y), batch_size=1, shuffle=True)
net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
noise_var = 1.0


def bmc_loss(pred, target):
    logits = -(pred - target.T).pow(2) / (2 * noise_var)
    loss = F.cross_entropy(logits, torch.arange(len(pred)))
    return loss * (2 * noise_var)


for epoch in range(3):
    running = 0.0
    for xb, yb in loader:
        loss = bmc_loss(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item()
    with torch.no_grad():
        mse = (net(X) - y).pow(2).mean().item()
    print(f"Epoch {epoch + 1}/3 loss: {running / len(loader):.4f} mse: {mse:.4f}")
