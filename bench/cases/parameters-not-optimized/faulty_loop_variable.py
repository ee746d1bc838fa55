"""Softmax regression on wine with raw tensors and a hand-written gradient step.

causes: parameters-not-optimized
line: p = p - lr * p.grad
thread: https://github.com/ikostrikov/pytorch-meta-optimizer/issues/11
"""
import torch
from sklearn.datasets import load_wine

torch.manual_seed(0)
data, target = load_wine(return_X_y=True)
x = torch.tensor(data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
t = torch.nn.functional.one_hot(torch.tensor(target), 3).float()

W = (0.1 * torch.randn(13, 3)).requires_grad_()
b = torch.zeros(3, requires_grad=True)


def model(x):
    z = x @ W + b
    return z - torch.logsumexp(z, dim=1, keepdim=True)


def update(params, lr):
    with torch.no_grad():
        for p in params:
            p = p - lr * p.grad


for epoch in range(40):
    log_p = model(x)
    loss = -(t * log_p).sum(1).mean()
    loss.backward()
    update([W, b], lr=0.1)
    W.grad.zero_()
    b.grad.zero_()
    if epoch % 4 == 0:
        acc = (log_p.argmax(1) == t.argmax(1)).float().mean()
        print("epoch {} loss {:.5f} acc {:.3f}".format(epoch, loss, acc))
