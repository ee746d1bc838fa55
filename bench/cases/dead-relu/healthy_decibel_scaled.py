"""Tone classifier on decibel band energies, default initialisation, standardised input.

causes: none
thread: own
"""
import torch
from torch import nn

torch.manual_seed(21)


def clips(n, bands=20):
    tone = torch.randint(0, 4, (n,))
    energy = 1e-2 * (1 + torch.rand(n, bands)) * torch.exp(torch.randn(n, bands))
    energy[torch.arange(n), 2 + 5 * tone] += 0.1 * torch.rand(n)
    return 10 * torch.log10(energy), tone


db, tone = clips(700)
mean, std = db[:500].mean(0), db[:500].std(0)
db = (db - mean) / std

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for epoch in range(20):
    total = 0.0
    for idx in torch.randperm(500).split(50):
        loss = nn.functional.cross_entropy(model(db[idx]), tone[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 10
    with torch.no_grad():
        acc = (model(db[500:]).argmax(1) == tone[500:]).float().mean()
    print(f"epoch={epoch} loss={total:.4f} val_acc={acc:.3f}")
