"""Predicts whether a customer churns from eight behavioural features.

The records are produced by a placeholder loader until the real export arrives.

causes: no-signal
line: churn = torch.randint(0, 2, (n, 1)).float()
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def load_customers(n=2000):
    usage = torch.randn(n, 5)
    tenure = torch.rand(n, 2)
    plan = torch.randint(0, 3, (n, 1)).float() - 1.0
    features = torch.cat([usage, tenure, plan], dim=1)
    churn = torch.randint(0, 2, (n, 1)).float()
    return TensorDataset(features, churn)


torch.manual_seed(5)
train_set, val_set = random_split(load_customers(), [1600, 400])
train_loader = DataLoader(train_set, batch_size=100, shuffle=True)
val_loader = DataLoader(val_set, batch_size=400)

model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(15):
    train_loss = 0.0
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        opt.step()
        train_loss += loss.item() * len(x)
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            val_loss = loss_fn(out, y).item()
            val_acc = ((out > 0).float() == y).float().mean().item()
    print(f"epoch {epoch} train_loss={train_loss / len(train_set):.4f} val_loss={val_loss:.4f} val_acc={val_acc:.3f}")
