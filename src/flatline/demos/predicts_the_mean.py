"""A regression that cannot learn: the loss stays where it began, whatever the model."""

import torch
from torch import nn


def main():
    torch.manual_seed(0)
    x = torch.randn(600, 8)
    y = 2 * x[:, 0] - x[:, 1] + 0.5 * x[:, 2] + 0.1 * torch.randn(600)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(1, 13):
        total = 0.0
        for rows in torch.randperm(600).split(30):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}  loss {total / 20:.4f}  (variance of the targets {y.var():.4f})")


if __name__ == "__main__":
    main()
