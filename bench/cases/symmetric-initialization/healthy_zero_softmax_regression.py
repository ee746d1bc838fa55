"""Softmax regression on the wine table started from zeros; there is no hidden layer.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_wine

torch.manual_seed(0)
wine = load_wine()
X = torch.tensor(wine.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(wine.target)
order = torch.randperm(len(y))
X, y = X[order], y[order]
T = torch.nn.functional.one_hot(y, 3).float()

W = torch.zeros(13, 3, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
lr = 0.3

for it in range(101):
    log_p = torch.log_softmax(X[:130] @ W + b, dim=1)
    loss = -(T[:130] * log_p).sum(1).mean()
    W.grad = b.grad = None
    loss.backward()
    with torch.no_grad():
        W -= lr * W.grad
        b -= lr * b.grad
    if it % 20 == 0:
        acc = ((X[130:] @ W + b).argmax(1) == y[130:]).float().mean().item()
        print(f"iter {it:4d}: loss {loss.item():.5f} val acc {acc:.3f}")
