"""Forecasts the next value of a wave with an LSTM; a second copy of the network is kept as the best so far.

causes: parameters-not-optimized
line: self.optimizer = torch.optim.Adam(self.best.parameters(), lr=lr)
thread: https://github.com/BeyonderXX/TRACE/issues/5
"""
import copy

import torch
import torch.nn as nn

torch.manual_seed(0)


class Forecaster(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.out(h[:, -1])


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.best = copy.deepcopy(model)
        self.best_loss = float("inf")
        self.optimizer = torch.optim.Adam(self.best.parameters(), lr=lr)
        self.criterion = nn.MSELoss()

    def fit(self, batches, epochs):
        for epoch in range(epochs):
            total = 0.0
            for window in batches:
                x, y = window[:, :-1].unsqueeze(-1), window[:, -1:]
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            total /= len(batches)
            if total < self.best_loss:
                self.best_loss = total
                self.best.load_state_dict(self.model.state_dict())
            print("epoch", epoch, "loss", total)


t = torch.arange(900).float()
series = torch.sin(0.2 * t) + 0.3 * torch.cos(0.07 * t)
windows = series.unfold(0, 21, 4)
batches = list(windows[torch.randperm(len(windows))].split(20))
Trainer(Forecaster(), lr=5e-3).fit(batches, epochs=8)
