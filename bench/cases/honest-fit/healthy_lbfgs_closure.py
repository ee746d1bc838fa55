"""Logistic regression on wine solved with LBFGS, ridge penalty included.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
wine = load_wine()
X = torch.tensor(StandardScaler().fit_transform(wine.data), dtype=torch.float32)
y = torch.tensor(wine.target)

W = (0.01 * torch.randn(13, 3)).requires_grad_()
b = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.LBFGS([W, b], lr=0.5, max_iter=4)


def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(X @ W + b, y) + 1e-3 * (W ** 2).sum()
    loss.backward()
    return loss


for it in range(10):
    loss = optimizer.step(closure)
    with torch.no_grad():
        acc = ((X @ W + b).argmax(1) == y).float().mean().item()
    print(f"iter {it} objective {loss.item():.5f} acc {acc:.3f}")
