"""Shapes in small images: convolutional net with class probabilities, validation on the last forty images.

causes: softmax-before-cross-entropy, empty-epoch
line: return torch.softmax(self.out(h), dim=1)
line: val = DataLoader(TensorDataset(images[600:], kinds[600:]), batch_size=64, drop_last=True)
line: loss = criterion(net(x), y)
thread: https://github.com/tensorflow/tensorflow/issues/45737
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.out = nn.Linear(8 * 25, 5)

    def forward(self, x):
        h = torch.max_pool2d(torch.relu(self.conv(x)), 2).flatten(1)
        return torch.softmax(self.out(h), dim=1)


torch.manual_seed(0)
templates = torch.randn(5, 1, 10, 10)
kinds = torch.randint(0, 5, (640,))
images = templates[kinds] + 0.8 * torch.randn(640, 1, 10, 10)
train = DataLoader(TensorDataset(images[:600], kinds[:600]), batch_size=30, shuffle=True)
val = DataLoader(TensorDataset(images[600:], kinds[600:]), batch_size=64, drop_last=True)
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(8):
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    val_loss = 0.0
    with torch.no_grad():
        for x, y in val:
            val_loss += criterion(net(x), y).item()
    print(f"epoch {epoch} train loss {loss.item():.4f} val loss {val_loss / max(1, len(val)):.4f}")
