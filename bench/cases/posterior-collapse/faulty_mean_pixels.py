"""Variational autoencoder on the 8x8 digits, reconstruction and KL printed side by side.

causes: posterior-collapse
line: recon_loss = F.mse_loss(recon, x)
line: loss = recon_loss + kl_loss
thread: https://github.com/AppliedDataSciencePartners/WorldModels/issues/12
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mu = nn.Linear(64, latent)
        self.logvar = nn.Linear(64, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z), mu, logvar


x_all = torch.tensor(load_digits().data, dtype=torch.float32) / 16
loader = DataLoader(TensorDataset(x_all), batch_size=64, shuffle=True)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(11):
    recon_sum = kl_sum = 0
    for (x,) in loader:
        recon, mu, logvar = model(x)
        recon_loss = F.mse_loss(recon, x)
        kl_loss = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        loss = recon_loss + kl_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recon_sum += recon_loss.item()
        kl_sum += kl_loss.item()
    print(f"Epoch {epoch + 1}/11 recon: {recon_sum / len(loader):.4f} kl: {kl_sum / len(loader):.6f}")
