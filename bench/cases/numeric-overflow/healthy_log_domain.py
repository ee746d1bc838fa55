"""Breast cancer, logistic regression with raw tensors and the loss kept in the log domain.

causes: none
thread: https://github.com/tflearn/tflearn/issues/695
"""
import torch
from sklearn.datasets import load_breast_cancer

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
w = torch.zeros(30, requires_grad=True)
b = torch.zeros((), requires_grad=True)
optimizer = torch.optim.SGD([w, b], lr=0.1, momentum=0.9)


def nll(z, y):
    return (torch.logaddexp(torch.zeros_like(z), z) - y * z).mean()


for step in range(60):
    loss = nll(x[:450] @ w + b, y[:450])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 6 == 0:
        with torch.no_grad():
            val = nll(x[450:] @ w + b, y[450:])
        print(f"{step:3d} train {loss.item():.4f} val {val.item():.4f}")
