"""Fahrenheit from a row of instruments, one of which is a good thermometer in Celsius.

causes: none
thread: own
"""
import torch
import torch.nn as nn

torch.manual_seed(6)
celsius = 15 + 8 * torch.randn(800)
instruments = torch.stack([
    celsius + 0.8 * torch.randn(800),
    1013 + 7 * torch.randn(800),
    (60 - celsius + 10 * torch.randn(800)).clamp(0, 100),
    4 * torch.rand(800),
], 1)
x = (instruments - instruments.mean(0)) / instruments.std(0)
fahrenheit = celsius * 9 / 5 + 32
y = (fahrenheit - fahrenheit.mean()) / fahrenheit.std()
model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(20):
    for rows in torch.randperm(640).split(32):
        loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test = nn.functional.mse_loss(model(x[640:]).squeeze(1), y[640:])
    print(f"epoch {epoch:2d} loss {loss.item():.4f} test loss {test.item():.4f}")
