"""Linear model of diabetes progression, weights kept as plain tensors, targets scaled to one.

causes: constant-targets
line: progress = torch.from_numpy(target.astype("int64")) // 400
line: y = progress.float()
thread: https://github.com/pytorch/pytorch/issues/53959
"""
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
data, target = load_diabetes(return_X_y=True)
progress = torch.from_numpy(target.astype("int64")) // 400
x = torch.from_numpy(data).float() * 20
y = progress.float()

weight = (0.3 * torch.randn(10)).requires_grad_()
bias = torch.zeros((), requires_grad=True)
lr = 0.1


def forward(batch):
    return batch @ weight + bias


def mse(prediction, truth):
    return ((prediction - truth) ** 2).mean()


for step in range(200):
    loss = mse(forward(x[:350]), y[:350])
    loss.backward()
    with torch.no_grad():
        for p in (weight, bias):
            p -= lr * p.grad
            p.grad = None
    if step % 20 == 0:
        with torch.no_grad():
            val = mse(forward(x[350:]), y[350:])
        print(f"{step:>4} train {loss:.6f} val {val:.6f}")
