"""Two concentric rings separated by a hidden layer written with raw tensors.

causes: symmetric-initialization
line: W1 = torch.zeros(2, 16, requires_grad=True)
line: W2 = torch.zeros(16, 2, requires_grad=True)
thread: own
"""
import math

import torch

torch.manual_seed(0)
n = 300
angle = 2 * math.pi * torch.rand(n)
ring = torch.randint(0, 2, (n,))
radius = 0.7 + 1.0 * ring + 0.1 * torch.randn(n)
X = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
T = torch.nn.functional.one_hot(ring, 2).float()

W1 = torch.zeros(2, 16, requires_grad=True)
b1 = torch.zeros(16, requires_grad=True)
W2 = torch.zeros(16, 2, requires_grad=True)
b2 = torch.zeros(2, requires_grad=True)
params = [W1, b1, W2, b2]
lr = 0.5

for it in range(1001):
    h = torch.tanh(X @ W1 + b1)
    log_p = torch.log_softmax(h @ W2 + b2, dim=1)
    loss = -(T * log_p).sum(1).mean()
    for p in params:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
    if it % 100 == 0:
        print(f"iter {it:4d}: loss {loss.item():.5f} acc {(log_p.argmax(1) == ring).float().mean().item():.3f}")
