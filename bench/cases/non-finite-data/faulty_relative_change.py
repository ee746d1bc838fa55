"""Does demand rise or fall over a week? An LSTM reads daily relative changes of a count series.

causes: non-finite-data
line: change = (counts[:, 1:] - counts[:, :-1]) / counts[:, :-1]
line: logits = model(change[batch].unsqueeze(-1))
thread: https://github.com/Nixtla/neuralforecast/issues/186
"""
import torch
from torch import nn

torch.manual_seed(0)


class Trend(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.out(h[-1]).squeeze(-1)


rising = torch.randint(0, 2, (400,)).float()
days = torch.arange(14).float()
level = 12 + (2 * rising - 1)[:, None] * 0.5 * (days - 6.5)
counts = torch.poisson(level)
counts[::37, 5] = 0
change = (counts[:, 1:] - counts[:, :-1]) / counts[:, :-1]

model = Trend()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    losses = []
    for batch in torch.randperm(320).split(32):
        logits = model(change[batch].unsqueeze(-1))
        loss = criterion(logits, rising[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("[%d] loss: %.3f" % (epoch + 1, sum(losses) / len(losses)))
