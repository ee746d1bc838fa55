"""Fits a smooth function of two variables with a ten-layer tanh network.

causes: saturated-activations
line: nn.init.normal_(m.weight, mean=0.0, std=10.0)
line: model.apply(init_weights)
thread: own
"""
import torch
import torch.nn as nn


def init_weights(m):
    if isinstance(m, nn.Linear) and m.out_features > 1:
        nn.init.normal_(m.weight, mean=0.0, std=10.0)
        nn.init.zeros_(m.bias)


def build(width=16, depth=10):
    layers = [nn.Linear(2, width), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Tanh()]
    layers.append(nn.Linear(width, 1))
    return nn.Sequential(*layers)


def sample_points(n=128):
    points = torch.rand(n, 2) * 2 - 1
    values = torch.sin(3 * points[:, :1]) * torch.cos(2 * points[:, 1:])
    return points, values


torch.manual_seed(20)
model = build()
model.apply(init_weights)
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

average = 0.0
for step in range(1, 401):
    points, values = sample_points()
    optimizer.zero_grad()
    loss = mse(model(points), values)
    loss.backward()
    optimizer.step()
    average += loss.item() / 50
    if step % 50 == 0:
        print(f"step {step:5d}   mse {average:.5f}")
        average = 0.0
