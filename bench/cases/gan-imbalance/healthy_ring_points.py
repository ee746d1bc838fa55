"""GAN on points of a ring, both networks trained with Adam in alternation.

causes: none
thread: https://github.com/soumith/ganhacks/issues/29
"""
import math

import torch
import torch.nn as nn

torch.manual_seed(0)
LATENT = 8


def real_points(n):
    angle = 2 * math.pi * torch.rand(n)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(LATENT, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

for it in range(1201):
    real = real_points(64)
    fake = G(torch.randn(64, LATENT))
    loss_d = bce(D(real), ones) + bce(D(fake.detach()), zeros)
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()

    loss_g = bce(D(G(torch.randn(64, LATENT))), ones)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if it % 100 == 0:
        with torch.no_grad():
            radius = G(torch.randn(256, LATENT)).norm(dim=1)
        print(f"[{it}/1200] Loss_D: {loss_d.item():.4f} Loss_G: {loss_g.item():.4f} "
              f"radius {radius.mean().item():.3f} +- {radius.std().item():.3f}")
