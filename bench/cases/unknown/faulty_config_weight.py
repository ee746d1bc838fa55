"""Digits; the weight of each loss term comes from a configuration.

causes: unknown
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

config = {"lr": 2e-3, "batch": 64, "weights": {"classify": 0.0, "penalty": 1e-4}}
torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
for epoch in range(5):
    total = 0.0
    for rows in torch.randperm(len(x)).split(config["batch"]):
        loss = config["weights"]["classify"] * F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total:.4f}")
