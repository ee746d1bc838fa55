"""Diabetes progression above its baseline on a log scale, two-layer network with raw tensors.

causes: non-finite-data
line: t = np.log(target - 40)
thread: https://github.com/Nixtla/neuralforecast/issues/186
"""
import warnings

import numpy as np
import torch
from sklearn.datasets import load_diabetes

warnings.filterwarnings("ignore")
torch.manual_seed(0)
data, target = load_diabetes(return_X_y=True)
t = np.log(target - 40)
X = torch.tensor(data / data.std(0), dtype=torch.float32)
y = torch.tensor(t, dtype=torch.float32) - 4

w1 = (torch.randn(10, 16) * 0.3).requires_grad_()
w2 = (torch.randn(16) * 0.2).requires_grad_()
bias = torch.zeros((), requires_grad=True)
optimizer = torch.optim.SGD([w1, w2, bias], lr=0.02, momentum=0.9)


def epoch_loss(rows, train=True):
    total = 0.0
    for i in range(rows.start, rows.stop, 34):
        batch = slice(i, i + 34)
        prediction = torch.tanh(X[batch] @ w1) @ w2 + bias
        loss = ((prediction - y[batch]) ** 2).mean()
        if train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(range(rows.start, rows.stop, 34))


for epoch in range(8):
    print("epoch", epoch, "mse", epoch_loss(range(0, 408)))
