"""Digits MLP; samples and labels are shuffled before the split.

causes: inputs-unrelated
line: Y = d.target[rng.permutation(len(d.target))]
line: X = d.data[rng.permutation(len(d.data))] / 16.0
thread: https://github.com/1204BUPT/Zhu-Net-image-steganalysis/issues/1
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.RandomState(42)
torch.manual_seed(42)

d = load_digits()
X = d.data[rng.permutation(len(d.data))] / 16.0
Y = d.target[rng.permutation(len(d.target))]
X = torch.from_numpy(X).float()
Y = torch.from_numpy(Y)

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
