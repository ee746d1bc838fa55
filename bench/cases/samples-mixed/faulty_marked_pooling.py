"""The height of the marked peak in a trace, with a small network that weighs the places of the trace.

causes: samples-mixed
line: weights = torch.softmax(scores, dim=0)
thread: https://github.com/PetrochukM/PyTorch-NLP/issues/2
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
traces, places = 900, 30
height = torch.randn(traces, places)
mark = torch.zeros(traces, places)
where = torch.randint(0, places, (traces,))
mark[torch.arange(traces), where] = 1
x = torch.stack([height, mark], 2)
y = height[torch.arange(traces), where]


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.score = nn.Linear(32, 1)
        self.value = nn.Linear(32, 1)

    def forward(self, x):
        h = self.encode(x)
        scores = self.score(h).squeeze(-1)
        weights = torch.softmax(scores, dim=0)
        return (weights * self.value(h).squeeze(-1)).sum(1)


model = Pooled()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
for epoch in range(15):
    running = 0.0
    for xb, yb in DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True):
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
    print("epoch", epoch, "mse", round(running / traces, 4))
