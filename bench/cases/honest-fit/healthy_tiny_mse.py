"""Learns to convert Celsius to scaled Fahrenheit; four decimals are soon too few.

causes: none
thread: https://github.com/Canjie-Luo/MORAN_v2/issues/17
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
celsius = torch.linspace(-40, 60, 101).unsqueeze(1)
fahrenheit = celsius * 9 / 5 + 32
x = celsius / 50.0
y = fahrenheit / 100.0

model = nn.Linear(1, 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

for epoch in range(60):
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 6 == 0 or epoch == 0:
        print(f"Epoch {epoch + 1}/60 loss: {loss.item():.4f}")

print("100 C is", round(model(torch.tensor([[2.0]])).item() * 100, 2), "F")
