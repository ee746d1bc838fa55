"""Whether the sum of two one-hot numbers carries, a quarter of the table held out.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
P = 23
a, b = torch.meshgrid(torch.arange(P), torch.arange(P), indexing="ij")
a, b = a.reshape(-1), b.reshape(-1)
x = torch.cat([F.one_hot(a, P), F.one_hot(b, P)], 1).float()
y = (a + b >= P).long()
order = torch.randperm(P * P)
train = DataLoader(TensorDataset(x[order[:400]], y[order[:400]]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(x[order[400:]], y[order[400:]]), batch_size=129)
model = nn.Sequential(nn.Linear(2 * P, 128), nn.ReLU(), nn.Linear(128, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.1)
for epoch in range(20):
    for xb, yb in train:
        loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        xb, yb = next(iter(val))
        out = model(xb)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} val loss {F.cross_entropy(out, yb).item():.4f}"
              f" val acc {(out.argmax(1) == yb).float().mean().item():.3f}")
