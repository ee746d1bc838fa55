"""One long recording of ten birds: [time, bird, feature], minute after minute, a label for each moment.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
moments = 1200
state = (torch.rand(moments) < 0.06).cumsum(0) % 2
speed = torch.where(state == 1, 0.9, 0.2)
steps = speed[:, None, None] * torch.randn(moments, 10, 2)
x = torch.nn.functional.avg_pool1d(steps.abs().permute(1, 2, 0), 5, 1, 2, count_include_pad=False).permute(2, 0, 1)


class Flock(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states.mean(1))


model = Flock()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(x, state), batch_size=60):
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 4))
