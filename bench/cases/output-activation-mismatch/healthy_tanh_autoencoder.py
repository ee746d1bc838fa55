"""Autoencoder of digit images scaled to the range -1 to 1, with a tanh output.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(2)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 8.0 - 1.0
train, val = images[:1500], images[1500:]

encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 16))
decoder = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 64), nn.Tanh())
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.AdamW(params, lr=3e-3)

for epoch in range(12):
    total = 0.0
    for batch in train[torch.randperm(len(train))].split(50):
        recon = decoder(encoder(batch))
        loss = ((recon - batch) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        val_loss = ((decoder(encoder(val)) - val) ** 2).mean().item()
    print(f"epoch {epoch + 1}/12 recon={total / 30:.4f} val={val_loss:.4f}")
