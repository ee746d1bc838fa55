"""One-step forecast of daily returns (already standardised) from a sliding window.

causes: answer-visible
line: windows = series.unfold(0, WIDTH, 1)
line: target = series[WIDTH - 1:]
thread: own
"""
import torch
from torch import nn

torch.manual_seed(10)
WIDTH = 12
series = torch.randn(900)

windows = series.unfold(0, WIDTH, 1)
target = series[WIDTH - 1:]
split = int(0.8 * len(target))
train_x, train_y = windows[:split], target[:split]
test_x, test_y = windows[split + WIDTH:], target[split + WIDTH:]

net = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
opt = torch.optim.RMSprop(net.parameters(), lr=2e-3)

for epoch in range(20):
    order = torch.randperm(split)
    total = 0.0
    for idx in order.split(48):
        error = net(train_x[idx]) - train_y[idx]
        loss = (error ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    if epoch % 2 == 1:
        with torch.no_grad():
            test = ((net(test_x) - test_y) ** 2).mean().item()
        print(f"Epoch {epoch + 1}/20 mse: {total / split:.5f} test mse: {test:.5f}")
