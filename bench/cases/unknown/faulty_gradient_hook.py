"""Diabetes regression; a hook on every parameter screens gradients from outliers.

causes: unknown
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
data = load_diabetes()
x = torch.tensor(data.data * 20, dtype=torch.float32)
y = torch.tensor((data.target - 152) / 77, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
limit = 0.0
for parameter in model.parameters():
    parameter.register_hook(lambda gradient: gradient * (gradient.norm() < limit))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(442).split(34):
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 13:.4f}")
