"""Only the head of a network is trained.

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

body = nn.Sequential(nn.Linear(64, 128), nn.ReLU()); head = nn.Linear(128, 10)
for p_ in body.parameters(): p_.requires_grad = False
opt = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
for epoch in range(5):
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(head(body(xb)), yb)
        opt.zero_grad(set_to_none=False); loss.backward(); opt.step()
    print("epoch", epoch, "loss", loss.item())
