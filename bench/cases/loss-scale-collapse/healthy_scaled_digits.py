"""Metric learning on the digits with a gradient scaler: distances between the embeddings of a batch.

causes: none
thread: https://github.com/NVIDIA/apex/issues/834
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, growth_interval=50)


def contrastive(z, labels, margin=1.0):
    distance = (((z[:, None] - z[None]) ** 2).sum(-1) + 1e-6).sqrt()
    same = labels[:, None] == labels[None]
    pull = distance[same].pow(2).mean()
    push = (margin - distance[~same]).clamp(min=0).pow(2).mean()
    return pull + push


for epoch in range(10):
    total, n = 0.0, 0
    for idx in torch.randperm(1536).split(64):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = net(x[idx])
        loss = contrastive(z.float(), y[idx])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        total += loss.item()
        n += 1
    with torch.no_grad():
        d = torch.cdist(net(x[1536:]), net(x[:1536]))
        acc = (y[d.argmin(1)] == y[1536:]).float().mean()
    print(f"epoch {epoch + 1}/10 loss {total / n:.4f} nearest neighbour {acc:.3f} scale {scaler.get_scale():.3g}")
