"""Loan decisions from four categorical answers: many customers give the same ones.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
sizes = (3, 4, 2, 5)
answers = torch.stack([torch.randint(0, k, (1500,)) for k in sizes], 1)
weight = [torch.randn(k) for k in sizes]
score = sum(w[answers[:, i]] for i, w in enumerate(weight))
granted = (torch.rand(1500) < torch.sigmoid(1.5 * score)).float()
x = torch.cat([F.one_hot(answers[:, i], k) for i, k in enumerate(sizes)], 1).float()
train = DataLoader(TensorDataset(x[:1200], granted[:1200]), batch_size=60, shuffle=True)
val = DataLoader(TensorDataset(x[1200:], granted[1200:]), batch_size=100)
model = nn.Sequential(nn.Linear(14, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
for epoch in range(15):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(xb).squeeze(-1), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = sum(F.binary_cross_entropy_with_logits(model(xb).squeeze(-1), yb).item() for xb, yb in val) / 3
    print(f"epoch {epoch} loss {loss.item():.4f} val {val_loss:.4f}")
