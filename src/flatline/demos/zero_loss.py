"""The loss is 0.0000 from the first epoch, and the accuracy does not move."""

import torch
from torch import nn


def main():
    torch.manual_seed(0)
    x = torch.randn(600, 20)
    y = (x[:, :3].sum(1, keepdim=True) > 0).float()
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(1, 6):
        total = 0.0
        for rows in torch.randperm(600).split(30):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        accuracy = ((model(x) > 0) == (y > 0.5)).float().mean()
        print(f"epoch {epoch}  loss {total / 20:.4f}  accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
