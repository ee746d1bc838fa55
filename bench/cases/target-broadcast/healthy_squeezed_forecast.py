"""GRU forecaster of a noisy sine, the last dimension dropped before the error.

causes: none
thread: https://github.com/IntelLabs/matsciml/pull/347
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)
t = torch.arange(260) * (2 * math.pi / 25)
series = torch.sin(t) + 0.05 * torch.randn(len(t))
X = series.unfold(0, 20, 1)[:-1].unsqueeze(-1)
Y = series[20:]


class Forecaster(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out[:, -1]).squeeze(-1)


model = Forecaster()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(15):
    losses = []
    for idx in torch.randperm(len(X)).split(40):
        loss = F.mse_loss(model(X[idx]), Y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(f"epoch {epoch} train_loss={sum(losses) / len(losses):.4f}")
