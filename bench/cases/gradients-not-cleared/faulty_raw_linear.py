"""Linear regression on synthetic tabular data with autograd only.

causes: gradients-not-cleared
line: w -= lr * w.grad
line: loss.backward()
line: b -= lr * b.grad
thread: https://github.com/Miraclelucy/dive_into_deep_learning/issues/6
"""
import random

import torch

random.seed(0)
torch.manual_seed(0)
true_w = torch.tensor([2.0, -3.4, 1.2, 0.5])
true_b = 4.2
features = torch.randn(400, 4)
targets = features @ true_w + true_b + 0.01 * torch.randn(400)

w = torch.zeros(4, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
lr = 0.03


def data_iter(batch_size):
    indices = list(range(len(features)))
    random.shuffle(indices)
    for i in range(0, len(indices), batch_size):
        j = torch.tensor(indices[i:i + batch_size])
        yield features[j], targets[j]


def squared_loss(y_hat, y):
    return ((y_hat - y) ** 2 / 2).mean()


for epoch in range(10):
    for x, y in data_iter(20):
        loss = squared_loss(x @ w + b, y)
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
    with torch.no_grad():
        print("epoch %d, loss %f" % (epoch + 1, squared_loss(features @ w + b, targets).item()))
