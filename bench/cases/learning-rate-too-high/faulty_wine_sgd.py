"""Regresses the alcohol content of wine from the other measurements.

causes: learning-rate-too-high
line: sgd = torch.optim.SGD(net.parameters(), lr=0.8)
thread: own
"""
import logging

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

logging.basicConfig(format="%(asctime)s %(message)s", datefmt="-", level=logging.INFO)


def load():
    table = torch.tensor(scale(load_wine().data), dtype=torch.float32)
    return table[:, 1:], table[:, :1]


def run_epoch(net, x, y, optimizer=None, batch_size=16):
    total = 0.0
    for idx in torch.randperm(len(x)).split(batch_size):
        loss = nn.functional.mse_loss(net(x[idx]), y[idx])
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(idx)
    return total / len(x)


torch.manual_seed(10)
x, y = load()
order = torch.randperm(len(x))
x, y = x[order], y[order]
x_train, y_train, x_val, y_val = x[:140], y[:140], x[140:], y[140:]

net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))
sgd = torch.optim.SGD(net.parameters(), lr=0.8)
for epoch in range(1, 11):
    train_loss = run_epoch(net, x_train, y_train, sgd)
    with torch.no_grad():
        val_loss = run_epoch(net, x_val, y_val)
    logging.info("epoch %d train %.4f val %.4f", epoch, train_loss, val_loss)
