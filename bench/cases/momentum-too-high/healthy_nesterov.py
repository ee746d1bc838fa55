"""Digits CNN with SGD and Nesterov momentum.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
perm = torch.randperm(len(d.target))
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)[perm] / 16
y = torch.tensor(d.target)[perm]
trainloader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=50, shuffle=True)

net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9, nesterov=True)

for epoch in range(10):
    running_loss = 0.0
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    with torch.no_grad():
        acc = (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"Epoch {epoch + 1}/10 loss: {running_loss / len(trainloader):.4f} acc: {acc:.3f}")
