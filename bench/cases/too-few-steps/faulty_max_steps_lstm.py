"""Predicts the next value of a noisy sine with an LSTM and a Trainer class.

causes: too-few-steps
line: max_steps: int = 6
line: if self.step >= self.cfg.max_steps:
thread: own
"""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class Config:
    window: int = 20
    hidden: int = 16
    lr: float = 1e-3
    epochs: int = 5
    batch_size: int = 32
    max_steps: int = 6
    log_every: int = 1


class Forecaster(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.out(h[:, -1])


class Trainer:
    def __init__(self, cfg, model, x, y):
        self.cfg, self.model, self.x, self.y = cfg, model, x, y
        self.optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
        self.step = 0

    def train(self):
        for epoch in range(self.cfg.epochs):
            for idx in torch.randperm(len(self.x)).split(self.cfg.batch_size):
                if self.step >= self.cfg.max_steps:
                    return
                loss = nn.functional.mse_loss(self.model(self.x[idx]), self.y[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.step += 1
                if self.step % self.cfg.log_every == 0:
                    print(f"epoch={epoch} step={self.step} train/loss={loss.item():.4f}")


torch.manual_seed(6)
cfg = Config()
series = torch.sin(torch.arange(600) * 2 * math.pi / 25) + 0.05 * torch.randn(600)
x = torch.stack([series[i:i + cfg.window] for i in range(600 - cfg.window)]).unsqueeze(-1)
y = series[cfg.window:].unsqueeze(-1)
Trainer(cfg, Forecaster(cfg.hidden), x, y).train()
print("done")
