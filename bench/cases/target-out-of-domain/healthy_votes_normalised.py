"""Distil neighbour votes into a wine classifier, votes turned into proportions first.

causes: none
thread: https://github.com/pytorch/pytorch/issues/60928
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)

affinity = torch.exp(-torch.cdist(x, x) ** 2 / 10)
votes = affinity @ F.one_hot(y, 3).float()
votes = votes / votes.sum(1, keepdim=True)

student = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3))
kl = nn.KLDivLoss(reduction="batchmean")
opt = torch.optim.Adam(student.parameters(), lr=5e-3)

for epoch in range(20):
    total, n = 0.0, 0
    for idx in torch.randperm(len(x)).split(30):
        loss = kl(F.log_softmax(student(x[idx]), dim=1), votes[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item(), n + 1
    acc = (student(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch} kl={total / n:.4f} acc={acc:.3f}")
