"""Trains a function fit in two sittings; the second resumes from the saved state.

causes: none
thread: own
"""
import copy

import torch
import torch.nn as nn

torch.manual_seed(3)
x = torch.linspace(-1, 1, 256).unsqueeze(1)
y = torch.sin(4 * x) + 0.5 * x


def make():
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return model, optimizer


def run(model, optimizer, steps, name):
    for step in range(steps):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"{name} step {step:4d} loss {loss.item():.5f}")


model, optimizer = make()
run(model, optimizer, 150, "first")
state = {"model": copy.deepcopy(model.state_dict()), "optimizer": copy.deepcopy(optimizer.state_dict())}

model, optimizer = make()
model.load_state_dict(state["model"])
optimizer.load_state_dict(state["optimizer"])
run(model, optimizer, 300, "resumed")
