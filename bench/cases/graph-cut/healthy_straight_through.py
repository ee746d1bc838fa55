"""Autoencoder for digits with a binary code; the gradient passes straight through the threshold.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)


class BinaryAutoencoder(nn.Module):
    def __init__(self, bits=24):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, bits))
        self.decoder = nn.Sequential(nn.Linear(bits, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        p = torch.sigmoid(self.encoder(x))
        code = (p > 0.5).float() + p - p.detach()
        return self.decoder(code)


x = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
model = BinaryAutoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    total = 0.0
    for idx in torch.randperm(1600).split(50):
        loss = nn.functional.mse_loss(model(x[idx]), x[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    with torch.no_grad():
        val = nn.functional.mse_loss(model(x[1600:]), x[1600:]).item()
    print(f"epoch {epoch} train {total / 1600:.4f} val {val:.4f}")
