"""Wine cultivar classification with a two-layer tanh network on scaled columns.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
wine = load_wine()
X = torch.tensor(wine.data, dtype=torch.float32)
y = torch.tensor(wine.target)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]
X = (X - X[:140].mean(0)) / X[:140].std(0)
loader = DataLoader(TensorDataset(X[:140], y[:140]), batch_size=20, shuffle=True)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 16)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        h = torch.tanh(self.fc1(x))
        return self.fc2(h)


net = WineNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)

for epoch in range(25):
    running = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    if epoch % 4 == 0:
        with torch.no_grad():
            val = criterion(net(X[140:]), y[140:]).item()
        print(f"Epoch {epoch + 1:2d}/25 - loss: {running / len(loader):.4f} - val_loss: {val:.4f}")
