"""The slope of a noisy series with two channels, read by a GRU that wants time first.

causes: samples-mixed
line: states, _ = self.gru(series.view(STEPS, -1, 2))
thread: https://github.com/HHTseng/video-classification/issues/42
"""
import torch
from torch import nn

torch.manual_seed(1)
STEPS = 25
slope = torch.randn(800)
start = torch.randn(800, 2)
time = torch.linspace(-1, 1, STEPS)
level = start[:, None, :] + slope[:, None, None] * time[None, :, None]
observed = level + 0.2 * torch.randn(800, STEPS, 2)


class Slope(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 24)
        self.readout = nn.Linear(24, 1)

    def forward(self, series):
        states, _ = self.gru(series.view(STEPS, -1, 2))
        return self.readout(states[-1]).squeeze(1)


model = Slope()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    pick = torch.randint(0, len(observed), (40,))
    loss = ((model(observed[pick]) - slope[pick]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step:3d}  mse {loss.item():.4f}")
