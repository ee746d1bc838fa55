"""Pretrains on digits 0 to 4, loads those weights and fine-tunes on digits 5 to 9.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16.0
y = torch.tensor(digits.target)


def build():
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 5))


def fit(model, x, t, epochs, lr, tag):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loader = DataLoader(TensorDataset(x, t), batch_size=64, shuffle=True)
    for epoch in range(epochs):
        total = 0.0
        for xb, tb in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), tb)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"[{tag}] epoch {epoch + 1}/{epochs} loss: {total / len(loader):.4f}")


low, high = y < 5, y >= 5
base = build()
fit(base, X[low], y[low], epochs=8, lr=2e-3, tag="pretrain")
checkpoint = {k: v.clone() for k, v in base.state_dict().items()}

model = build()
model.load_state_dict(checkpoint)
fit(model, X[high], y[high] - 5, epochs=12, lr=2e-3, tag="finetune")
