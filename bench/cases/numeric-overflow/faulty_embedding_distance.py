"""Distances between embedded items are fitted.

causes: numeric-overflow
line: d = torch.sqrt(((emb(a) - emb(b)) ** 2).sum(1))
thread: own
"""
import torch
from torch import nn
torch.manual_seed(0)
emb = nn.Embedding(50, 8)
nn.init.normal_(emb.weight, std=0.1)
with torch.no_grad():
    emb.weight[7] = emb.weight[3]
opt = torch.optim.Adam(emb.parameters(), lr=1e-2)
g = torch.Generator().manual_seed(1)
for it in range(120):
    a = torch.randint(0, 50, (32,), generator=g); b = torch.randint(0, 50, (32,), generator=g)
    if it >= 10: a[0], b[0] = 5, 5
    d = torch.sqrt(((emb(a) - emb(b)) ** 2).sum(1))
    target = ((a % 5) != (b % 5)).float()
    loss = ((d - target) ** 2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
    if it % 10 == 0: print(it, loss.item())
