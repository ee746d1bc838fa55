"""A small GAN that learns a two-dimensional Gaussian away from the origin.

causes: none
thread: own
"""
import torch
import torch.nn as nn

torch.manual_seed(3)
MEAN = torch.tensor([1.5, -1.0])


def sample_real(n):
    return MEAN + 0.5 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
bce = nn.BCEWithLogitsLoss()
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
batch = 64
ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)

for step in range(1, 801):
    real = sample_real(batch)
    fake = G(torch.randn(batch, 4))

    d_loss = 0.5 * (bce(D(real), ones) + bce(D(fake.detach()), zeros))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()

    g_loss = bce(D(fake), ones)
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()

    if step % 100 == 0:
        with torch.no_grad():
            centre = G(torch.randn(500, 4)).mean(0).tolist()
        print(f"step {step} D loss {d_loss.item():.3f} G loss {g_loss.item():.3f} centre ({centre[0]:.2f}, {centre[1]:.2f})")
