"""Step-based training from an endless iterator that starts the loader again when it runs out.

causes: none
thread: https://github.com/NVIDIA/DALI/issues/1471
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
loader = DataLoader(TensorDataset(x, torch.tensor(y)), batch_size=32, shuffle=True, drop_last=True)

model = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
iterator = iter(loader)

for step in range(1, 121):
    try:
        xb, yb = next(iterator)
    except StopIteration:
        iterator = iter(loader)
        xb, yb = next(iterator)
    loss = criterion(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}")
