"""Softmax regression on the wine table written out with raw tensors.

causes: softmax-wrong-dim
line: return e / e.sum(0, keepdim=True)
line: loss = -(t * log_p).sum(1).mean()
thread: https://github.com/Lackel/DPN/issues/1
"""
import numpy as np
import torch
from sklearn.datasets import load_wine

rng = np.random.RandomState(0)
wine = load_wine()
features = (wine.data - wine.data.mean(0)) / wine.data.std(0)
order = rng.permutation(len(features))
x = torch.tensor(features[order], dtype=torch.float32)
labels = torch.tensor(wine.target[order])
t = torch.eye(3)[labels]

torch.manual_seed(0)
w1 = (torch.randn(13, 20) * 0.2).requires_grad_()
b1 = torch.zeros(20, requires_grad=True)
w2 = (torch.randn(20, 3) * 0.2).requires_grad_()
b2 = torch.zeros(3, requires_grad=True)


def normalise(z):
    e = torch.exp(z - z.max())
    return e / e.sum(0, keepdim=True)


lr = 0.5
for step in range(301):
    h = torch.tanh(x @ w1 + b1)
    log_p = torch.log(normalise(h @ w2 + b2) + 1e-12)
    loss = -(t * log_p).sum(1).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w1, b1, w2, b2):
            p -= lr * p.grad
            p.grad = None
    if step % 50 == 0:
        acc = (log_p.argmax(1) == labels).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} acc {acc:.3f}")
