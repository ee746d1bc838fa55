"""Melodies written by a generator into arrays, next-interval regression with an LSTM.

causes: duplicate-data
line: rng = np.random.default_rng(seed)
line: tunes = [melody(k) for k in range(400)]
line: def melody(k, length=16, seed=11):
thread: own
"""
import numpy as np
import torch
from torch import nn


def melody(k, length=16, seed=11):
    rng = np.random.default_rng(seed)
    start, step = rng.uniform(-1, 1), rng.uniform(0.1, 0.6)
    noise = rng.normal(0, 0.3, length + 1)
    return start + np.sin(step * np.arange(length + 1)) + noise


class Next(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.out(h[:, -1])


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr)
        self.criterion = nn.L1Loss()

    def epoch(self, x, y, size=40):
        total, count = 0.0, 0
        for idx in torch.randperm(len(x)).split(size):
            loss = self.criterion(self.model(x[idx]), y[idx])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total, count = total + loss.item(), count + 1
        return total / count


torch.manual_seed(0)
tunes = [melody(k) for k in range(400)]
data = torch.tensor(np.stack(tunes), dtype=torch.float32).unsqueeze(-1)
trainer = Trainer(Next(), lr=3e-3)
for e in range(12):
    print(f"epoch {e} l1={trainer.epoch(data[:, :-1], data[:, -1]):.5f}")
