"""Overfitting is met by going back to the best weights whenever the held-out loss has risen for a while.

causes: none
thread: own
"""
import copy

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
data = load_diabetes()
x = torch.tensor(data.data * 20, dtype=torch.float32)
y = torch.tensor((data.target - 152) / 77, dtype=torch.float32).unsqueeze(1)
train = DataLoader(TensorDataset(x[:340], y[:340]), batch_size=34, shuffle=True)
val = DataLoader(TensorDataset(x[340:], y[340:]), batch_size=102)
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
mse, best, kept, waited = nn.MSELoss(), float("inf"), None, 0
for epoch in range(30):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        held_out = sum(mse(model(a), b).item() for a, b in val)
    if held_out < best:
        best, kept, waited = held_out, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
    if waited == 5:
        model.load_state_dict(kept)
        for group in optimizer.param_groups:
            group["lr"] /= 4
        waited = 0
    print(f"epoch {epoch} loss {loss.item():.4f} val {held_out:.4f} best {best:.4f}")
