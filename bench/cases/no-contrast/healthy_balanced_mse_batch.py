"""Imbalanced regression with a batch-wise Monte Carlo loss over batches of thirty-two.

causes: none
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
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]

loader = DataLoader(TensorDataset(X[:352], y[:352]), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
noise_var = 0.5


def bmc_loss(pred, target):
    logits = -(pred - target.T).pow(2) / (2 * noise_var)
    return F.cross_entropy(logits, torch.arange(len(pred))) * (2 * noise_var)


for epoch in range(25):
    running = 0.0
    for xb, yb in loader:
        loss = bmc_loss(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item()
    with torch.no_grad():
        mse = (net(X[352:]) - y[352:]).pow(2).mean().item()
    if epoch % 4 == 0:
        print(f"Epoch {epoch + 1}/25 loss: {running / len(loader):.4f} val mse: {mse:.4f}")
