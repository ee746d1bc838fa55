"""Diabetes regression; the velocity is an exponential average with a long memory, so the step keeps its size.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(1)
LR = 0.05
BETA = 0.95
raw = load_diabetes()
x = torch.tensor(raw.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(raw.target, dtype=torch.float32)
y = (y - y.mean()) / y.std()

w1 = (torch.randn(10, 16) / 10 ** 0.5).requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
w2 = (torch.randn(16) / 4).requires_grad_()
params = [w1, b1, w2]
velocity = [torch.zeros_like(p) for p in params]


def update():
    with torch.no_grad():
        for p, v in zip(params, velocity):
            v.mul_(BETA).add_(p.grad, alpha=1 - BETA)
            p.sub_(LR * v)
            p.grad = None


for step in range(401):
    pred = torch.tanh(x @ w1 + b1) @ w2
    loss = ((pred - y) ** 2).mean()
    loss.backward()
    update()
    if step % 40 == 0:
        print("step %d loss %.4f" % (step, loss.item()))
