"""Diabetes progression, raw tensors, torch.autograd.grad and momentum kept in a list.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_diabetes


def init(sizes):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [(torch.randn(a, b) / a ** 0.5).requires_grad_(), torch.zeros(b, requires_grad=True)]
    return layers


def predict(layers, x):
    for i in range(0, len(layers), 2):
        x = x @ layers[i] + layers[i + 1]
        if i + 2 < len(layers):
            x = torch.tanh(x)
    return x[:, 0]


def main():
    torch.manual_seed(3)
    data = load_diabetes(scaled=False)
    x = torch.tensor(data.data, dtype=torch.float32)
    y = torch.tensor(data.target, dtype=torch.float32)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    layers = init([10, 16, 1])
    velocity = [torch.zeros_like(p) for p in layers]
    for step in range(301):
        loss = (predict(layers, x[:350]) - y[:350]).square().mean()
        grads = torch.autograd.grad(loss, layers)
        with torch.no_grad():
            for p, v, g in zip(layers, velocity, grads):
                v.mul_(0.9).add_(g)
                p.sub_(0.01 * v)
        if step % 30 == 0:
            with torch.no_grad():
                val = (predict(layers, x[350:]) - y[350:]).square().mean()
            print("step %d: train %.4f val %.4f" % (step, loss.item(), val.item()))


main()
