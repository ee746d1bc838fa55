"""Gesture classifier (GRU) with an exponential schedule and a validation loop.

causes: learning-rate-zero
line: optimizer.param_groups[0]["lr"] = adjust(epoch)
line: return 2e-3 * 0.5 ** (epoch * 100)
thread: https://github.com/tensorflow/tensorflow/issues/48308
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def gestures(n, length=16):
    kind = torch.randint(0, 5, (n,))
    t = torch.linspace(0, 1, length)
    speed = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])[kind]
    path = speed[:, None, :] * t[None, :, None]
    return TensorDataset(path + 0.1 * torch.randn(n, length, 2), kind)


class GestureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.score = nn.Linear(24, 5)

    def forward(self, x):
        _, last = self.rnn(x)
        return self.score(last[0])


def adjust(epoch):
    return 2e-3 * 0.5 ** (epoch * 100)


def main():
    torch.manual_seed(0)
    train = DataLoader(gestures(300), batch_size=30, shuffle=True)
    val = DataLoader(gestures(100), batch_size=100)
    net = GestureNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
    for epoch in range(8):
        optimizer.param_groups[0]["lr"] = adjust(epoch)
        total = 0.0
        for x, y in train:
            loss = criterion(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            val_loss = sum(criterion(net(x), y).item() for x, y in val) / len(val)
        print(f"epoch {epoch}: train {total / len(train):.4f} val {val_loss:.4f}")


main()
