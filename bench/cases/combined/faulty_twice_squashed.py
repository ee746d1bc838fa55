"""Spam filter on word counts with a probability output, and a step schedule.

causes: double-sigmoid, learning-rate-zero
line: nn.Linear(24, 1), nn.Sigmoid())
line: loss = criterion(net(words).squeeze(1), spam)
line: schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3], gamma=0)
thread: https://github.com/yudi-mars/daisyRec/pull/15
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
counts = torch.poisson(torch.full((800, 30), 0.6))
labels = (counts[:, :4].sum(1) + 0.8 * torch.randn(800) > 2.4).float()
loader = DataLoader(TensorDataset(counts, labels), batch_size=40, shuffle=True)
net = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 1), nn.Sigmoid())
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3], gamma=0)
for epoch in range(9):
    total = 0.0
    for words, spam in loader:
        optimizer.zero_grad()
        loss = criterion(net(words).squeeze(1), spam)
        loss.backward()
        optimizer.step()
        total += loss.item()
    schedule.step()
    print(f"epoch {epoch} loss {total / len(loader):.4f}")
