"""Generating sine curves of 24 samples; class GAN with a critic that is refreshed several times per step.

causes: gan-imbalance
line: D_STEPS, G_HIDDEN, D_HIDDEN = 8, 3, 192
line: self.opt_d = torch.optim.Adam(self.d.parameters(), lr=3e-3)
line: self.opt_g = torch.optim.Adam(self.g.parameters(), lr=2e-5)
thread: https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/issues/910
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

D_STEPS, G_HIDDEN, D_HIDDEN = 8, 3, 192


def curves(n):
    t = torch.linspace(0, 6.28, 24)
    phase = 6.28 * torch.rand(n, 1)
    return (0.7 + 0.3 * torch.rand(n, 1)) * torch.sin(t + phase)


class CurveGAN:
    def __init__(self):
        self.g = nn.Sequential(nn.Linear(6, G_HIDDEN), nn.Tanh(), nn.Linear(G_HIDDEN, 24))
        self.d = nn.Sequential(
            nn.Linear(24, D_HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(D_HIDDEN, D_HIDDEN), nn.LeakyReLU(0.2), nn.Linear(D_HIDDEN, 1),
        )
        self.opt_g = torch.optim.Adam(self.g.parameters(), lr=2e-5)
        self.opt_d = torch.optim.Adam(self.d.parameters(), lr=3e-3)

    def update_d(self, real):
        with torch.no_grad():
            fake = self.g(torch.randn(len(real), 6))
        p_real, p_fake = torch.sigmoid(self.d(real)), torch.sigmoid(self.d(fake))
        loss = -torch.log(p_real + 1e-8).mean() - torch.log(1 - p_fake + 1e-8).mean()
        self.opt_d.zero_grad()
        loss.backward()
        self.opt_d.step()
        return loss.item(), p_real.mean().item(), p_fake.mean().item()

    def update_g(self, n):
        loss = F.softplus(-self.d(self.g(torch.randn(n, 6)))).mean()
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        return loss.item()


torch.manual_seed(7)
gan = CurveGAN()
for step in range(120):
    for _ in range(D_STEPS):
        loss_d, d_real, d_fake = gan.update_d(curves(48))
    loss_g = gan.update_g(48)
    if step % 12 == 0:
        print(f"step {step:4d} loss_D {loss_d:.4f} loss_G {loss_g:.4f} D(x) {d_real:.3f} D(G(z)) {d_fake:.3f}")
