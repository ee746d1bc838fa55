"""Recurrent regression of the next value of a noisy wave; the log shows an exponentially smoothed loss.

causes: none
thread: https://github.com/ludwig-ai/ludwig/pull/1659
"""
import torch
import torch.nn as nn

torch.manual_seed(6)


def stream(steps, size=16, length=15):
    for _ in range(steps):
        phase = torch.rand(size, 1) * 6.28
        t = torch.arange(length + 1)[None, :] * 0.4 + phase
        wave = torch.sin(t) + 0.05 * torch.randn(size, length + 1)
        yield wave[:, :-1, None], wave[:, 1:, None]


class Next(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h)


model = Next()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
smooth = None
for step, (x, y) in enumerate(stream(250)):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
    if step % 25 == 0:
        print(f"step {step} smoothed loss {smooth:.4f}")
