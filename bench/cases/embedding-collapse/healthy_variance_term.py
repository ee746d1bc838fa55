"""Two noisy sensors of the same state embedded together; a variance and a covariance term keep the codes spread.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(5)
mix_a, mix_b = torch.randn(4, 16), torch.randn(4, 20)
net_a = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
net_b = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam([*net_a.parameters(), *net_b.parameters()], lr=3e-3)


def sensors(n=256):
    state = torch.randn(n, 4)
    return state @ mix_a + 0.2 * torch.randn(n, 16), state @ mix_b + 0.2 * torch.randn(n, 20)


def spread(z):
    z = z - z.mean(0)
    std = (z.var(0) + 1e-4).sqrt()
    cov = z.T @ z / (len(z) - 1)
    off = cov - torch.diag(cov.diagonal())
    return F.relu(1 - std).mean() + off.pow(2).sum() / 8


for step in range(301):
    a, b = sensors()
    za, zb = net_a(a), net_b(b)
    near = F.mse_loss(za, zb)
    loss = 5 * near + 2 * (spread(za) + spread(zb))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} (distance {near.item():.4f}, std {za.std(0).mean().item():.2f})")
