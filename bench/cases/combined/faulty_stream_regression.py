"""Temperature from sensor readings that come as a stream of batches; a small network and momentum.

causes: empty-epoch, target-broadcast
line: stream = sensor_batches(20)
line: loss = ((net(readings) - temperature) ** 2).mean()
line: for readings, temperature in stream:
thread: https://github.com/deepset-ai/FARM/issues/229
"""
import torch
import torch.nn as nn

torch.manual_seed(5)


def sensor_batches(count, size=32):
    mixing = torch.tensor([0.8, -0.5, 0.3, 0.0, 0.6, -0.9])
    for _ in range(count):
        readings = torch.randn(size, 6)
        temperature = 4 * torch.tanh(readings @ mixing) + 0.1 * torch.randn(size)
        yield readings, temperature


net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
stream = sensor_batches(20)

for epoch in range(5):
    epoch_loss, seen = 0.0, 0
    for readings, temperature in stream:
        loss = ((net(readings) - temperature) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(readings)
        seen += len(readings)
        if seen % 160 == 0:
            print(f"  {seen} readings, loss {loss.item():.4f}")
    print(f"epoch {epoch} mean loss {epoch_loss / max(seen, 1):.4f}")
