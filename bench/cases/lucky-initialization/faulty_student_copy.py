"""A student network learns to imitate a fixed teacher on random inputs.

causes: lucky-initialization
line: student = copy.deepcopy(teacher)
thread: own
"""
import copy

import torch
import torch.nn as nn

torch.manual_seed(0)


def build_mlp():
    return nn.Sequential(
        nn.Linear(12, 32), nn.ReLU(),
        nn.Linear(32, 32), nn.ReLU(),
        nn.Linear(32, 4),
    )


teacher = build_mlp()
student = copy.deepcopy(teacher)
for p in teacher.parameters():
    p.requires_grad_(False)

criterion = nn.MSELoss()
optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)

for epoch in range(5):
    total = 0.0
    for _ in range(20):
        x = torch.randn(64, 12)
        with torch.no_grad():
            soft_targets = teacher(x)
        loss = criterion(student(x), soft_targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/5 distillation loss: {total / 20:.4f}")
