"""One cycle of rates, smoothed labels and an average of the weights.

causes: none
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

import copy
net = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 10))
ema = copy.deepcopy(net)
opt = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.1)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, total_steps=29 * 5)
for epoch in range(5):
    net.train()
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb, label_smoothing=0.1)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        with torch.no_grad():
            for e, q in zip(ema.parameters(), net.parameters()): e.lerp_(q, 0.05)
    ema.eval()
    with torch.no_grad(): print(epoch, "loss", loss.item(), "ema acc", (ema(X).argmax(1) == Y).float().mean().item())
