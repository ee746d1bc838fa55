"""Digits classifier with a compressed representation for later plotting.

causes: insufficient-capacity
line: self.code = nn.Linear(64, 1)
thread: textbook
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class PlotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.code = nn.Linear(64, 1)
        self.out = nn.Linear(1, 10)

    def forward(self, x):
        return self.out(torch.tanh(self.code(x)))


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


def fit(net, x, y, vx, vy, epochs=30):
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for epoch in range(epochs):
        total = 0.0
        chunks = torch.randperm(len(x)).split(70)
        for idx in chunks:
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if epoch % 3 == 2:
            print(f"epoch {epoch} train_loss={total / len(chunks):.4f} val_acc={accuracy(net, vx, vy):.3f}")


def main():
    torch.manual_seed(0)
    d = load_digits()
    perm = torch.randperm(len(d.target))
    x = torch.tensor(d.data, dtype=torch.float32)[perm] / 16
    y = torch.tensor(d.target)[perm]
    fit(PlotNet(), x[:1400], y[:1400], x[1400:], y[1400:])


if __name__ == "__main__":
    main()
