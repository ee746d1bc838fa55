"""Density of the two moons with a coupling flow; the loss is a negative log-likelihood of continuous points.

causes: none
thread: own
"""
import math

import torch
import torch.nn as nn
from sklearn.datasets import make_moons


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.flip:
            a, b = b, a
        log_scale, shift = self.net(a).chunk(2, 1)
        log_scale = 2 * torch.tanh(log_scale / 2)
        b = b * log_scale.exp() + shift
        return torch.cat([b, a] if self.flip else [a, b], 1), log_scale.squeeze(1)


class Flow(nn.Module):
    def __init__(self, depth=6):
        super().__init__()
        self.steps = nn.ModuleList([Coupling(i % 2 == 1) for i in range(depth)])

    def log_prob(self, x):
        total = 0
        for step in self.steps:
            x, log_det = step(x)
            total = total + log_det
        return total - 0.5 * x.pow(2).sum(1) - math.log(2 * math.pi)


torch.manual_seed(13)
points, _ = make_moons(1200, noise=0.05, random_state=2)
data = torch.tensor(points - points.mean(0), dtype=torch.float32)
data = data[torch.randperm(1200)]
train, held_out = data[:1000], data[1000:]
flow = Flow()
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
for epoch in range(1, 25):
    nll = 0.0
    for x in train[torch.randperm(1000)].split(100):
        loss = -flow.log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 2.0)
        optimizer.step()
        nll += loss.item() / 10
    if epoch % 3 == 0:
        with torch.no_grad():
            print(f"epoch {epoch} nll {nll:.4f} held out {-flow.log_prob(held_out).mean().item():.4f}")
