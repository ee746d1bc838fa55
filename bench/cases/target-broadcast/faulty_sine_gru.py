"""Next value of a noisy sine from the last twenty, GRU forecaster with a hand-written error.

causes: target-broadcast
line: err = ((self.model(x) - y) ** 2).mean()
line: return torch.stack(xs).unsqueeze(-1), torch.stack(ys)
thread: https://github.com/IntelLabs/matsciml/pull/347
"""
import math

import torch
import torch.nn as nn


def windows(n=240, width=20):
    t = torch.arange(n + width + 1) * (2 * math.pi / 25)
    series = torch.sin(t) + 0.05 * torch.randn(len(t))
    xs = [series[i:i + width] for i in range(n)]
    ys = [series[i + width] for i in range(n)]
    return torch.stack(xs).unsqueeze(-1), torch.stack(ys)


class Forecaster(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out[:, -1])


class Trainer:
    def __init__(self, model, lr=1e-2):
        self.model = model
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)

    def step(self, x, y):
        err = ((self.model(x) - y) ** 2).mean()
        self.opt.zero_grad()
        err.backward()
        self.opt.step()
        return err.item()

    def fit(self, X, Y, epochs, bs=40):
        for e in range(epochs):
            order = torch.randperm(len(X)).split(bs)
            losses = [self.step(X[i], Y[i]) for i in order]
            print(f"epoch {e} train_loss={sum(losses) / len(losses):.4f}")


if __name__ == "__main__":
    torch.manual_seed(3)
    X, Y = windows()
    Trainer(Forecaster()).fit(X, Y, epochs=15)
