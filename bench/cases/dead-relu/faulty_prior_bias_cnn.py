"""Horizontal or vertical stripes: CNN classifier with a detector-style bias prior.

causes: dead-relu
line: nn.init.constant_(m.bias, -math.log((1 - PRIOR) / PRIOR))
line: self.apply(init_layer)
thread: https://github.com/yhenon/pytorch-retinanet/issues/41
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PRIOR = 0.01


def init_layer(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(m.weight, std=0.1)
        nn.init.constant_(m.bias, -math.log((1 - PRIOR) / PRIOR))


class StripeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(16 * 9, 2)
        self.apply(init_layer)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def stripes(n, size=12):
    phase = torch.randint(0, 4, (n,))
    wave = ((torch.arange(size)[None] + phase[:, None]) % 4 < 2).float()
    y = torch.randint(0, 2, (n,))
    img = torch.where(y[:, None, None] == 0, wave[:, None, :].expand(n, size, size), wave[:, :, None].expand(n, size, size))
    return (img + 0.2 * torch.randn(n, size, size)).unsqueeze(1), y


torch.manual_seed(0)
x, y = stripes(480)
train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=40, shuffle=True)
net = StripeNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    s = 0.0
    for xb, yb in train:
        loss = ce(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item()
    with torch.no_grad():
        acc = (net(x[400:]).argmax(1) == y[400:]).float().mean().item()
    print(f"Epoch {epoch}/10 loss: {s / len(train):.4f} val_acc: {acc:.3f}")
