"""Signals and their classes come from two files; one of them has a header line that is read as a row.

causes: inputs-unrelated
line: signals = signals[1:]
line: labels = labels[:-1]
thread: https://github.com/nikhilroxtomar/FANet/issues/1
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
kinds = torch.randint(0, 2, (901,))
wave = torch.sin(torch.arange(40) * (0.3 + 0.25 * kinds.unsqueeze(1)) + 6 * torch.rand(901, 1))
signals, labels = wave + 0.4 * torch.randn(901, 40), kinds.float()
signals = signals[1:]
labels = labels[:-1]
train = DataLoader(TensorDataset(signals[:700], labels[:700]), batch_size=35, shuffle=True)
net = nn.Sequential(nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
for epoch in range(5):
    total = 0.0
    for x, y in train:
        loss = nn.functional.binary_cross_entropy_with_logits(net(x).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "loss", round(total / len(train), 4))
