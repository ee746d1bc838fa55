"""Diffusion on a noisy two-dimensional circle: the network predicts the noise added at a random time.

causes: none
thread: own
"""
import torch
import torch.nn as nn

STEPS = 50
beta = torch.linspace(1e-4, 0.15, STEPS)
alpha_bar = torch.cumprod(1 - beta, 0)


def circle(n):
    t = 2 * torch.pi * torch.rand(n)
    return 1.3 * torch.stack([t.cos(), t.sin()], 1) + 0.03 * torch.randn(n, 2)


class Denoiser(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.time = nn.Embedding(STEPS, dim)
        self.inp = nn.Linear(2, dim)
        self.net = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 2))

    def forward(self, x, t):
        return self.net(self.inp(x) + self.time(t))


@torch.no_grad()
def sample(model, n):
    x = torch.randn(n, 2)
    for t in reversed(range(STEPS)):
        eps = model(x, torch.full((n,), t))
        x = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
        if t:
            x = x + beta[t].sqrt() * torch.randn_like(x)
    return x


def main():
    torch.manual_seed(0)
    model = Denoiser()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    running = None
    for step in range(1, 1001):
        x0, t, noise = circle(128), torch.randint(0, STEPS, (128,)), torch.randn(128, 2)
        a = alpha_bar[t].unsqueeze(1)
        loss = (model(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - noise).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step == 1 or step % 100 == 0:
            print(f"step {step} noise mse {running:.4f}")
    radius = sample(model, 400).norm(dim=1)
    print(f"radius of samples {radius.mean().item():.3f} +- {radius.std().item():.3f}")


if __name__ == "__main__":
    main()
