"""Digits with a held-out loader, plain SGD.

causes: answer-visible, gradients-not-cleared
line: held_out = DataLoader(Subset(rows, order[:400]), batch_size=100)
line: loss.backward()
line: optimizer.step()
thread: https://github.com/marin-community/marin/pull/2700
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(1)
digits = load_digits()
rows = TensorDataset(torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target))
order = torch.randperm(len(rows)).tolist()
train = DataLoader(Subset(rows, order[:1400]), batch_size=50, shuffle=True)
held_out = DataLoader(Subset(rows, order[:400]), batch_size=100)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.002)
for epoch in range(8):
    net.train()
    for image, digit in train:
        loss = F.cross_entropy(net(image), digit)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        val = sum(F.cross_entropy(net(i), d).item() for i, d in held_out) / len(held_out)
    print(f"epoch {epoch} loss {loss.item():.4f} val {val:.4f}")
