"""Forecasts tomorrow's return of a simulated stock from the last ten returns.

Weights are plain tensors; the loss is the mean squared error in percent.

causes: no-signal
line: returns = np.random.default_rng(4).normal(0.0, 1.0, size=3000)
line: target = torch.tensor(returns[LAGS:], dtype=torch.float32)
thread: own
"""
import numpy as np
import torch

LAGS = 10
returns = np.random.default_rng(4).normal(0.0, 1.0, size=3000)
windows = np.stack([returns[i:i + LAGS] for i in range(len(returns) - LAGS)])
inputs = torch.tensor(windows, dtype=torch.float32)
target = torch.tensor(returns[LAGS:], dtype=torch.float32)

split = 2400
torch.manual_seed(1)
w1 = torch.nn.init.xavier_uniform_(torch.empty(LAGS, 6)).requires_grad_()
b1 = torch.zeros(6, requires_grad=True)
w2 = (0.1 * torch.randn(6, 1)).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.RMSprop([w1, b1, w2, b2], lr=1e-3)


def predict(x):
    return (torch.tanh(x @ w1 + b1) @ w2 + b2).squeeze(1)


for epoch in range(10):
    order = torch.randperm(split)
    losses = []
    for idx in order.split(80):
        loss = ((predict(inputs[idx]) - target[idx]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        val = ((predict(inputs[split:]) - target[split:]) ** 2).mean().item()
    print("Epoch {:2d}: train mse {:.4f} | val mse {:.4f}".format(epoch + 1, np.mean(losses), val))
