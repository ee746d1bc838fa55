"""Patient outcome from lab values, rare outcome balanced before the split.

causes: answer-visible
line: rows = torch.cat([rows, rare.repeat(5)])
line: train_rows, val_rows = rows[:cut], rows[cut:]
thread: https://github.com/MakazhanAlpamys/Soup/issues/680
"""
import torch
from torch import nn

torch.manual_seed(6)
n = 500
y = (torch.rand(n) < 0.14).long()
x = torch.randn(n, 24)
x[:, 0] += 0.9 * y

rows = torch.arange(n)
rare = torch.where(y == 1)[0]
rows = torch.cat([rows, rare.repeat(5)])
rows = rows[torch.randperm(len(rows))]
cut = int(0.75 * len(rows))
train_rows, val_rows = rows[:cut], rows[cut:]

net = nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Linear(96, 2))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
ce = nn.CrossEntropyLoss()

for epoch in range(1, 41):
    net.train()
    total = 0.0
    for idx in train_rows[torch.randperm(cut)].split(64):
        loss = ce(net(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    net.eval()
    with torch.no_grad():
        out = net(x[val_rows])
        pos = y[val_rows] == 1
        recall = (out.argmax(1)[pos] == 1).float().mean().item()
    if epoch % 5 == 0:
        print(f"epoch {epoch} train {total / cut:.4f} val {ce(out, y[val_rows]).item():.4f} recall {recall:.3f}")
