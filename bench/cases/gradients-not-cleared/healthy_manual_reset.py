"""Linear regression with autograd only, gradients reset by hand.

causes: none
thread: own
"""
import torch

torch.manual_seed(0)
true_w = torch.tensor([2.0, -3.4, 1.2, 0.5])
features = torch.randn(400, 4)
targets = features @ true_w + 4.2 + 0.1 * torch.randn(400)

w = torch.zeros(4, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
lr = 0.03


def squared_loss(y_hat, y):
    return ((y_hat - y) ** 2 / 2).mean()


def sgd(params):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad = None


for epoch in range(10):
    total = 0.0
    for j in torch.randperm(400).split(20):
        loss = squared_loss(features[j] @ w + b, targets[j])
        loss.backward()
        sgd([w, b])
        total += loss.item()
    print("epoch %d, loss %f" % (epoch + 1, total / 20))
