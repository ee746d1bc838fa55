"""Tumour or not with labels in the support vector convention, logistic loss written by hand.

causes: target-out-of-domain
line: t = torch.tensor(np.where(cancer.target == 1, 1.0, -1.0), dtype=torch.float32)
line: return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()
thread: https://github.com/pytorch/pytorch/issues/60928
"""
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer

cancer = load_breast_cancer()
x = torch.tensor(cancer.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
t = torch.tensor(np.where(cancer.target == 1, 1.0, -1.0), dtype=torch.float32)

torch.manual_seed(0)
w1 = (torch.randn(30, 8) / 30 ** 0.5).requires_grad_()
w2 = (torch.randn(8) / 8 ** 0.5).requires_grad_()
b = torch.zeros(1, requires_grad=True)


def predict(x):
    z = torch.tanh(x @ w1) @ w2 + b
    return torch.sigmoid(z).clamp(1e-6, 1 - 1e-6)


def log_loss(p, t):
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()


opt = torch.optim.SGD([w1, w2, b], lr=0.1, momentum=0.9)
for step in range(401):
    p = predict(x)
    loss = log_loss(p, t)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        acc = ((p > 0.5) == (t > 0)).float().mean().item()
        print(f"step {step:3d} loss {loss.item():.4f} acc {acc:.3f}")
