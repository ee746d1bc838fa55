"""Diabetes regression with seven tanh layers in raw tensors, small normal start values.

causes: vanishing-gradient
line: weights = [(0.01 * torch.randn(a, b)).requires_grad_() for a, b in zip(sizes[:-1], sizes[1:])]
thread: textbook
"""
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
data = load_diabetes()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(data.target, dtype=torch.float32)
y = ((y - y.mean()) / y.std()).unsqueeze(1)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]

sizes = [10, 40, 40, 40, 40, 40, 40, 1]
weights = [(0.01 * torch.randn(a, b)).requires_grad_() for a, b in zip(sizes[:-1], sizes[1:])]
biases = [torch.zeros(b, requires_grad=True) for b in sizes[1:]]
opt = torch.optim.SGD(weights + biases, lr=0.05, momentum=0.9)


def net(h):
    for w, b in zip(weights[:-1], biases[:-1]):
        h = torch.tanh(h @ w + b)
    return h @ weights[-1] + biases[-1]


for epoch in range(40):
    total = 0.0
    for i in range(0, 400, 40):
        loss = ((net(X[i:i + 40]) - y[i:i + 40]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 10
    if epoch % 5 == 0:
        with torch.no_grad():
            val = ((net(X[400:]) - y[400:]) ** 2).mean().item()
        print(f"epoch {epoch:2d} mse {total:.4f} val {val:.4f}")
