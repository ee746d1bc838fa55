"""A small student with its own random weights learns to imitate a larger teacher.

causes: none
thread: own
"""
import torch
import torch.nn as nn

torch.manual_seed(0)

teacher = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 4))
student = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 4))
teacher.requires_grad_(False)
teacher.eval()

criterion = nn.MSELoss()
optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)

for epoch in range(10):
    total = 0.0
    for _ in range(40):
        x = torch.randn(64, 12)
        with torch.no_grad():
            soft_targets = teacher(x)
        loss = criterion(student(x), soft_targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/10 distillation loss: {total / 40:.4f}")
