"""DCGAN in miniature on the 8x8 digits scaled to [-1, 1], with smoothed labels for the real images.

causes: none
thread: https://github.com/simontomaskarlsson/GAN-MRI/issues/11
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Generator(nn.Module):
    def __init__(self, nz=16):
        super().__init__()
        self.project = nn.Linear(nz, 32 * 2 * 2)
        self.main = nn.Sequential(
            nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh(),
        )

    def forward(self, z):
        return self.main(self.project(z).view(-1, 32, 2, 2))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(8, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Flatten(), nn.Linear(16 * 2 * 2, 1),
        )

    def forward(self, x):
        return self.main(x).squeeze(1)


def main():
    torch.manual_seed(5)
    images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    loader = DataLoader(TensorDataset(images[:768]), batch_size=64, shuffle=True)
    netG, netD = Generator(), Discriminator()
    optG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optD = torch.optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(12):
        sum_d = sum_g = 0.0
        for (real,) in loader:
            b = len(real)
            fake = netG(torch.randn(b, 16))
            d_loss = criterion(netD(real), torch.full((b,), 0.9)) + criterion(netD(fake.detach()), torch.zeros(b))
            optD.zero_grad()
            d_loss.backward()
            optD.step()
            g_loss = criterion(netD(fake), torch.ones(b))
            optG.zero_grad()
            g_loss.backward()
            optG.step()
            sum_d += d_loss.item()
            sum_g += g_loss.item()
        gap = (fake.mean(0) - images.mean(0)).abs().mean().item()
        d_mean, g_mean = sum_d / len(loader), sum_g / len(loader)
        print(f"Epoch {epoch + 1}/12 D: {d_mean:.4f} G: {g_mean:.4f} mean image gap {gap:.3f}")


if __name__ == "__main__":
    main()
