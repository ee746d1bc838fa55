"""Distil neighbour votes into a wine classifier: KL divergence to soft class votes.

causes: target-out-of-domain
line: loss = kl(F.log_softmax(student(xb), dim=1), vb)
line: votes = affinity @ F.one_hot(y, 3).float()
thread: https://github.com/pytorch/pytorch/issues/60928
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)

affinity = torch.exp(-torch.cdist(x, x) ** 2 / 10)
votes = affinity @ F.one_hot(y, 3).float()

student = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3))
kl = nn.KLDivLoss(reduction="batchmean")
opt = torch.optim.Adam(student.parameters(), lr=5e-3)
loader = DataLoader(TensorDataset(x, votes), batch_size=30, shuffle=True)

for epoch in range(20):
    total = 0.0
    for xb, vb in loader:
        loss = kl(F.log_softmax(student(xb), dim=1), vb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    acc = (student(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch} kl={total / len(loader):.4f} acc={acc:.3f}")
