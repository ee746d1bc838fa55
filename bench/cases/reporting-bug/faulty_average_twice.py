"""Diabetes progression as a regression with raw tensors; the loss list is averaged for the log.

causes: reporting-bug
line: "loss": mean / len(losses)
line: mean = sum(losses) / len(losses)
thread: https://github.com/zsyOAOA/ResShift/pull/25
"""
import json

import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
X, t = load_diabetes(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
t = torch.tensor(t, dtype=torch.float32)
t = (t - t.mean()) / t.std()

w1 = (torch.randn(10, 16) / 10 ** 0.5).requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
w2 = (torch.randn(16, 1) / 4).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w1, b1, w2, b2], lr=0.02)


def predict(x):
    return (torch.tanh(x @ w1 + b1) @ w2 + b2).squeeze(1)


def epoch_log(epoch, losses):
    mean = sum(losses) / len(losses)
    return json.dumps({"epoch": epoch, "loss": mean / len(losses)})


train = slice(0, 400)
for epoch in range(15):
    losses = []
    for idx in torch.randperm(400).split(8):
        residual = predict(X[train][idx]) - t[train][idx]
        loss = (residual ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    print(epoch_log(epoch, losses))

with torch.no_grad():
    print("held-out mse", float(((predict(X[400:]) - t[400:]) ** 2).mean()))
