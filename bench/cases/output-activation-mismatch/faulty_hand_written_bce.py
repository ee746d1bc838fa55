"""Circle against ring: a two-layer classifier on plain tensors.

causes: output-activation-mismatch
line: p = h @ w2 + b2
line: loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
thread: own
"""
import math

import torch

torch.manual_seed(7)
n = 400
angle = 2 * math.pi * torch.rand(n)
y = torch.randint(0, 2, (n, 1)).float()
radius = 0.5 + 1.0 * y.squeeze(1) + 0.1 * torch.randn(n)
X = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)

w1 = torch.randn(2, 16).requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
w2 = (0.25 * torch.randn(16, 1)).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w1, b1, w2, b2], lr=0.1)

for epoch in range(50):
    h = torch.relu(X @ w1 + b1)
    p = h @ w2 + b2
    loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        acc = ((p > 0.5).float() == y).float().mean()
        print("epoch %d  loss %.4f  acc %.3f" % (epoch, loss.item(), acc.item()))
