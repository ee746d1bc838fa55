"""Price of a house in units of ten thousand, from made tables; step schedule for the learning rate.

causes: output-activation-mismatch, learning-rate-zero
line: nn.Linear(24, 1), nn.Sigmoid(),
line: scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.0)
line: loss = criterion(model(xb), yb)
thread: https://github.com/LINCellularNeuroscience/VAME/issues/26
"""
import torch
import torch.nn as nn

torch.manual_seed(10)


def houses(n):
    area, rooms, age, distance = torch.rand(4, n)
    price = 3 + 9 * area + 4 * rooms * area - 2 * age - 3 * distance + 0.3 * torch.randn(n)
    return torch.stack([area, rooms, age, distance], 1), price.clamp(min=0.5).unsqueeze(1)


x, y = houses(600)
vx, vy = houses(150)
model = nn.Sequential(
    nn.Linear(4, 24), nn.ReLU(),
    nn.Linear(24, 24), nn.ReLU(),
    nn.Linear(24, 1), nn.Sigmoid(),
)
criterion = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=6e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.0)

for epoch in range(1, 13):
    total = 0.0
    for xb, yb in zip(x.split(50), y.split(50)):
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    with torch.no_grad():
        out = model(vx)
    print(f"epoch {epoch:2d} train mse {total / 12:.5f} val mse {criterion(out, vy).item():.5f} "
          f"predictions {out.min().item():.2f}..{out.max().item():.2f}")
