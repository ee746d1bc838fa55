"""Predicts monthly profit and loss (in thousands) from four business figures.

causes: output-activation-mismatch
line: return F.relu(self.out(h))
line: loss = criterion(model(X[batch]), y[batch])
thread: https://github.com/jvargasmu/population_estimation/issues/68
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class ProfitModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 24)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        return F.relu(self.out(h))


torch.manual_seed(33)
X = torch.randn(600, 4)
y = (3.0 * X[:, 0] - 2.0 * X[:, 1] + X[:, 2] * X[:, 3] + 0.1 * torch.randn(600)).unsqueeze(1)

model = ProfitModel()
criterion = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

for epoch in range(1, 31):
    epoch_loss = 0.0
    for batch in torch.randperm(500).split(50):
        optimizer.zero_grad()
        loss = criterion(model(X[batch]), y[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / 10
    if epoch % 5 == 0:
        with torch.no_grad():
            val = criterion(model(X[500:]), y[500:]).item()
        print(f"epoch {epoch:3d}  loss {epoch_loss:.4f}  val_loss {val:.4f}")
