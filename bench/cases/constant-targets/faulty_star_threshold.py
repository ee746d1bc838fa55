"""Positive reviews from word counts; stars are given from one to five.

causes: constant-targets
line: liked = (stars > 0).float()
thread: https://github.com/Smadx/USTC-ML24-Fall/issues/35
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
words = torch.poisson(torch.full((900, 25), 0.7))
stars = (3 + 0.5 * words[:, :5].sum(1) - 0.5 * words[:, 5:10].sum(1) + 0.5 * torch.randn(900)).round().clamp(1, 5)
liked = (stars > 0).float()
model = nn.Sequential(nn.Linear(25, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(8):
    total = 0.0
    for x, y in zip(words.split(30), liked.split(30)):
        loss = F.binary_cross_entropy_with_logits(model(x).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 30:.4f}")
