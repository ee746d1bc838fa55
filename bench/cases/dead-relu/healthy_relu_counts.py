"""Non-negative demand from weather features; the output is rectified because demand cannot be negative.

causes: none
thread: https://github.com/jvargasmu/population_estimation/issues/68
"""
import torch
from torch import nn

torch.manual_seed(4)
x = torch.randn(500, 6)
w = torch.tensor([0.8, -0.5, 0.3, 0.0, 0.4, -0.2])
demand = (2.0 + x @ w + 0.3 * torch.relu(x[:, 0] * x[:, 1])).clamp(min=0).unsqueeze(1)

net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1), nn.ReLU())
with torch.no_grad():
    net[2].bias.fill_(1.0)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(1, 31):
    total = 0.0
    for idx in torch.randperm(400).split(40):
        loss = nn.functional.mse_loss(net(x[idx]), demand[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 10
    if epoch % 5 == 0 or epoch == 1:
        with torch.no_grad():
            val = nn.functional.mse_loss(net(x[400:]), demand[400:]).item()
        print(f"Epoch {epoch}/30 loss: {total:.4f} val: {val:.4f}")
