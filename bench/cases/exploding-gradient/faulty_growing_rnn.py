"""Mean of a long signal with a linear recurrent cell written by hand.

causes: exploding-gradient
line: self.w_hh = nn.Parameter(1.3 * torch.eye(hidden))
line: h = x[:, t:t + 1] @ self.w_xh + h @ self.w_hh
thread: textbook
"""
import torch
from torch import nn


class Cell(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.hidden = hidden
        self.w_xh = nn.Parameter(0.3 * torch.randn(1, hidden))
        self.w_hh = nn.Parameter(1.3 * torch.eye(hidden))
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x):
        h = torch.zeros(len(x), self.hidden)
        for t in range(x.shape[1]):
            h = x[:, t:t + 1] @ self.w_xh + h @ self.w_hh
        return self.readout(h).squeeze(1)


class Trainer:
    def __init__(self, net):
        self.net = net
        self.opt = torch.optim.SGD(net.parameters(), lr=0.001)

    def epoch(self, data):
        total = 0.0
        for x, y in data:
            loss = ((self.net(x) - y) ** 2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total += loss.item()
        return total / len(data)


def main():
    torch.manual_seed(4)
    data = []
    for _ in range(10):
        x = 0.5 * torch.randn(32, 40) + 0.5 * torch.randn(32, 1)
        data.append((x, x.mean(1)))
    trainer = Trainer(Cell())
    for e in range(5):
        print(f"epoch {e} train_loss={trainer.epoch(data):.4f}")


if __name__ == "__main__":
    main()
