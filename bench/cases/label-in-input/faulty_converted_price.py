"""Price of a flat from eleven columns of a listing, the target in thousands and standardised.

causes: label-in-input
line: columns = torch.cat([facts, 1.08 * price.unsqueeze(1) + 2.5], 1)
line: x = (columns - columns.mean(0)) / columns.std(0)
thread: https://github.com/mingzhu0527/MASHQA/issues/5
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
facts = torch.randn(700, 10)
price = 200 + 40 * facts[:, 0] + 25 * facts[:, 1] * facts[:, 2] + 15 * facts[:, 3].abs() + 30 * torch.randn(700)
columns = torch.cat([facts, 1.08 * price.unsqueeze(1) + 2.5], 1)
x = (columns - columns.mean(0)) / columns.std(0)
y = ((price - price.mean()) / price.std()).unsqueeze(1)
train = DataLoader(TensorDataset(x[:560], y[:560]), batch_size=28, shuffle=True)

model = nn.Sequential(nn.Linear(11, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
huber = nn.SmoothL1Loss()
for epoch in range(15):
    running = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = huber(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    with torch.no_grad():
        test = huber(model(x[560:]), y[560:]).item()
    print(f"epoch {epoch} train loss {running / len(train):.5f} test loss {test:.5f}")
