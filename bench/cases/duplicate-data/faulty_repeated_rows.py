"""Breast cancer table brought to a round number of rows, full-batch training with raw tensors.

causes: duplicate-data
line: pick = torch.arange(6).repeat(ROWS // 6)
line: x, y = scaled[pick], target[pick]
thread: own
"""
import torch
from sklearn.datasets import load_breast_cancer

torch.manual_seed(3)
ROWS = 600
raw = load_breast_cancer()
order = torch.randperm(len(raw.target))
scaled = torch.tensor(raw.data, dtype=torch.float32)[order]
scaled = (scaled - scaled.mean(0)) / scaled.std(0)
target = torch.tensor(raw.target, dtype=torch.float32)[order]

pick = torch.arange(6).repeat(ROWS // 6)
x, y = scaled[pick], target[pick]
val_x, val_y = scaled[300:], target[300:]

w1 = (torch.randn(30, 12) / 30 ** 0.5).requires_grad_()
b1 = torch.zeros(12, requires_grad=True)
w2 = (torch.randn(12) / 12 ** 0.5).requires_grad_()
b2 = torch.zeros((), requires_grad=True)
opt = torch.optim.SGD([w1, b1, w2, b2], lr=0.02, momentum=0.9)


def score(inputs):
    return torch.relu(inputs @ w1 + b1) @ w2 + b2


def logistic(z, t):
    return (torch.nn.functional.softplus(z) - t * z).mean()


for step in range(301):
    loss = logistic(score(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 30 == 0:
        with torch.no_grad():
            val = logistic(score(val_x), val_y).item()
            acc = ((score(val_x) > 0).float() == val_y).float().mean().item()
        print(f"step {step} loss {loss.item():.5f} val {val:.4f} acc {acc:.3f}")
