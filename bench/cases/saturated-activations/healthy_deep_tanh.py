"""Fits a smooth function of two variables with a six-layer tanh network, Xavier weights.

causes: none
thread: own
"""
import torch
import torch.nn as nn


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_normal_(m.weight, gain=nn.init.calculate_gain("tanh"))
        nn.init.zeros_(m.bias)


def build(width=16, depth=6):
    layers = [nn.Linear(2, width), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Tanh()]
    layers.append(nn.Linear(width, 1))
    return nn.Sequential(*layers)


torch.manual_seed(20)
grid = torch.rand(400, 2) * 2 - 1
target = torch.sin(3 * grid[:, :1]) * torch.cos(2 * grid[:, 1:])

model = build()
model.apply(init_weights)
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

for step in range(400):
    optimizer.zero_grad()
    loss = mse(model(grid), target)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:5d}   mse {loss.item():.5f}   var(target) {target.var().item():.5f}")
