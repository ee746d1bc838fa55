"""Two views of a digit are pulled together among the others of the batch, with a temperature.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 32))
optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)


def view(batch):
    return batch * (torch.rand_like(batch) > 0.3) + 0.1 * torch.randn_like(batch)


for epoch in range(5):
    total = 0.0
    for batch in images[torch.randperm(len(images))].split(64):
        a, b = (F.normalize(encoder(view(batch)), dim=1) for _ in range(2))
        loss = F.cross_entropy(a @ b.T / 0.2, torch.arange(len(batch)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 29:.4f}")
