"""Fits a response surface with quadratic features and a torch linear layer.

causes: lucky-initialization
line: layer.weight.copy_(solution[:-1].T)
line: solution = torch.linalg.lstsq(design, y).solution
thread: own
"""
import logging

import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="[%(levelname)s] %(message)s")
log = logging.getLogger(__name__)


def quadratic(x):
    i, j = torch.triu_indices(x.shape[1], x.shape[1])
    return torch.cat([x, x[:, i] * x[:, j]], dim=1)


def measure(x):
    return 3.0 * x[:, :1] - 2.0 * x[:, 1:2] * x[:, 2:3] + x[:, 3:4] ** 2 - 1.0


torch.manual_seed(23)
raw = torch.rand(300, 4) * 2 - 1
x, y = quadratic(raw), measure(raw)

layer = nn.Linear(x.shape[1], 1)
design = torch.cat([x, torch.ones(len(x), 1)], dim=1)
solution = torch.linalg.lstsq(design, y).solution
with torch.no_grad():
    layer.weight.copy_(solution[:-1].T)
    layer.bias.copy_(solution[-1])

optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
loss_fn = nn.SmoothL1Loss()
for epoch in range(10):
    for idx in torch.randperm(250).split(25):
        loss = loss_fn(layer(x[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = loss_fn(layer(x[250:]), y[250:]).item()
    log.info("epoch %2d | loss %.5f | val_loss %.5f", epoch, loss.item(), val_loss)
