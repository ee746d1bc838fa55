"""Predict mean and spread of a noisy curve; a density can be above one, so the loss goes below zero.

causes: none
thread: own
"""
import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(600, 1) * 4 - 2
y = torch.sin(2 * x) + (0.02 + 0.05 * (x + 2)) * torch.randn(600, 1)
xt, yt, xv, yv = x[:500], y[:500], x[500:], y[500:]

body = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
criterion = nn.GaussianNLLLoss()
opt = torch.optim.Adam(body.parameters(), lr=3e-3)


def nll(inputs, targets):
    mean, raw = body(inputs).chunk(2, dim=1)
    return criterion(mean, targets, nn.functional.softplus(raw) + 1e-4)


for epoch in range(1, 61):
    total = 0.0
    for idx in torch.randperm(500).split(50):
        loss = nll(xt[idx], yt[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 10 == 0 or epoch == 1:
        with torch.no_grad():
            print(f"epoch {epoch} nll {total / 10:.4f} val {nll(xv, yv).item():.4f}")
