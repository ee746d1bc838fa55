"""Machine failure from sensors; the temperature alone separates most cases, as it should.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
n = 600
failing = (torch.rand(n) < 0.4).float()
temperature = 60 + 18 * failing + 7 * torch.randn(n)
vibration = 1.0 + 0.5 * failing + 0.4 * torch.randn(n)
hours = 100 + 40 * torch.randn(n)
load = torch.rand(n)
x = torch.stack([temperature, vibration, hours, load], dim=1)
x = (x - x[:480].mean(0)) / x[:480].std(0)

train = DataLoader(TensorDataset(x[:480], failing[:480]), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(12):
    run = 0.0
    for xb, yb in train:
        loss = criterion(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        run += loss.item()
    with torch.no_grad():
        out = net(x[480:])
        acc = ((out > 0).float() == failing[480:]).float().mean().item()
    print(f"epoch {epoch} train_loss={run / len(train):.4f} val_loss={criterion(out, failing[480:]).item():.4f} acc={acc:.3f}")
