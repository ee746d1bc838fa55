"""The loss gets worse from step to step, until it is a number without meaning."""

import torch
from torch import nn


def main():
    torch.manual_seed(0)
    x = torch.randn(512, 10)
    y = x[:, :1] - 2 * x[:, 1:2] + 0.1 * torch.randn(512, 1)
    model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    for step in range(1, 121):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 12 == 0:
            print(f"step {step:3d}  loss {loss.item():.4g}")


if __name__ == "__main__":
    main()
