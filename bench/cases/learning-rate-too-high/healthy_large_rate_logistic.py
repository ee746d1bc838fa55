"""Breast cancer logistic regression; a learning rate of one suits this smooth problem.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
data = load_breast_cancer()
X = torch.tensor(StandardScaler().fit_transform(data.data) / 30 ** 0.5, dtype=torch.float32)
y = torch.tensor(data.target, dtype=torch.float32)

w = torch.zeros(30, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
learning_rate = 1.0

for it in range(301):
    p = torch.sigmoid(X @ w + b)
    loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
    loss.backward()
    with torch.no_grad():
        w -= learning_rate * w.grad
        b -= learning_rate * b.grad
    w.grad = None
    b.grad = None
    if it % 50 == 0:
        acc = ((p > 0.5).float() == y).float().mean().item()
        print(f"iteration {it:4d}  loss {loss.item():.4f}  acc {acc:.3f}")
