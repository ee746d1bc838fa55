"""Digits MLP; one permutation is applied to samples and labels alike.

causes: none
thread: own
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.RandomState(42)
torch.manual_seed(42)

d = load_digits()
perm = rng.permutation(len(d.data))
X = torch.from_numpy(d.data[perm] / 16.0).float()
Y = torch.from_numpy(d.target[perm])

train_dl = DataLoader(TensorDataset(X[:1500], Y[:1500]), batch_size=50, shuffle=True)
valid_dl = DataLoader(TensorDataset(X[1500:], Y[1500:]), batch_size=100)

model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
loss_func = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(10):
    model.train()
    run = 0.0
    for xb, yb in train_dl:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        run += loss.item()
    model.eval()
    with torch.no_grad():
        val = sum(loss_func(model(xb), yb).item() for xb, yb in valid_dl) / len(valid_dl)
    print(f"Epoch {epoch + 1}/10 loss: {run / len(train_dl):.4f} val_loss: {val:.4f}")
