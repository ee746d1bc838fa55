"""Two-dimensional code for waves of sixteen samples; the KL weight rises from 0 to 1 over the first epochs.

causes: none
thread: https://github.com/CompVis/vunet/issues/5
"""
import torch
from torch import nn


class WaveVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(16, 48), nn.Tanh(), nn.Linear(48, 6))
        self.decode = nn.Sequential(nn.Linear(3, 48), nn.Tanh(), nn.Linear(48, 16))

    def forward(self, x):
        mean, logvar = self.encode(x).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * torch.exp(logvar / 2)
        return self.decode(code), mean, logvar


def make_waves(n):
    t = torch.linspace(0, 1, 16)
    phase, rate = 6.28 * torch.rand(n, 1), 3 + 3 * torch.rand(n, 1)
    return torch.sin(phase + rate * t) + 0.1 * torch.randn(n, 16)


def objective(model, x, weight, noise=0.1):
    y, mean, logvar = model(x)
    recon = ((y - x) ** 2).sum(1).mean() / (2 * noise ** 2) / 16
    kl = 0.5 * (mean ** 2 + logvar.exp() - logvar - 1).sum(1).mean() / 16
    return recon + weight * kl, recon, kl


def main():
    torch.manual_seed(6)
    train, held_out = make_waves(800), make_waves(200)
    model = WaveVAE()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for epoch in range(24):
        weight = min(1.0, (epoch + 1) / 8)
        for x in train[torch.randperm(800)].split(40):
            loss, _, _ = objective(model, x, weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 3 == 2:
            with torch.no_grad():
                _, recon, kl = objective(model, held_out, 1.0)
            print(f"epoch {epoch + 1} beta {weight:.2f} val recon {recon:.4f} val kl {kl:.4f} (per sample point)")


if __name__ == "__main__":
    main()
