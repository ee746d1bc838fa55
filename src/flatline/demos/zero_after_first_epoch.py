"""The first epoch has a loss; in every later one it is 0.0000."""

import torch
from torch import nn


def batches(x, y, size):
    for rows in torch.randperm(len(x)).split(size):
        yield x[rows], y[rows]


def main():
    torch.manual_seed(0)
    x = torch.randn(640, 16)
    y = torch.stack([x[:, 0], x[:, 1] + x[:, 2], x[:, 3]], 1).argmax(1)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    train = batches(x, y, 32)
    for epoch in range(1, 6):
        total = 0.0
        for inputs, labels in train:
            loss = criterion(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}  loss {total / 20:.4f}")


if __name__ == "__main__":
    main()
