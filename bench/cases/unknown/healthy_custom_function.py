"""Learned step activation: a custom autograd.Function with a surrogate slope, on the two moons.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import make_moons


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, voltage):
        ctx.save_for_backward(voltage)
        return (voltage > 0).float()

    @staticmethod
    def backward(ctx, grad_output):
        (voltage,) = ctx.saved_tensors
        return grad_output / (1 + 2 * voltage.abs()) ** 2


class SpikingNet(nn.Module):
    def __init__(self, hidden=48, ticks=4):
        super().__init__()
        self.ticks = ticks
        self.inp = nn.Linear(2, hidden)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        current, voltage, total = self.inp(x), 0, 0
        for _ in range(self.ticks):
            voltage = 0.8 * voltage + current
            spikes = Spike.apply(voltage - 1)
            voltage = voltage * (1 - spikes)
            total = total + spikes
        return self.out(total / self.ticks)


torch.manual_seed(1)
points, labels = make_moons(600, noise=0.12, random_state=0)
x, y = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
net = SpikingNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 21):
    total = 0.0
    for i in range(0, 480, 32):
        loss = criterion(net(x[i:i + 32]), y[i:i + 32])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 15
    if epoch % 5 == 0:
        with torch.no_grad():
            acc = (net(x[480:]).argmax(1) == y[480:]).float().mean().item()
        print(f"Epoch {epoch}/20 loss: {total:.4f} acc: {acc:.3f}")
