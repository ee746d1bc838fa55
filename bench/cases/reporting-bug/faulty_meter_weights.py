"""Digits with an average meter for the loss, as in many reference scripts.

causes: reporting-bug
line: losses.update(loss.item(), len(images) // 64)
thread: https://github.com/chainer/chainerrl/issues/92
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class AverageMeter:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

    @property
    def average(self):
        return self.sum / max(self.count, 1)


torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    losses, right = AverageMeter(), AverageMeter()
    for images, labels in loader:
        output = model(images)
        loss = criterion(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.update(loss.item(), len(images) // 64)
        right.update((output.argmax(1) == labels).float().mean().item())
    print(f"Epoch [{epoch + 1}/5] Loss {losses.average:.4f} Acc {right.average:.3f}")
