"""Epochs over a prepared loader whose iterator is made once.

causes: empty-epoch
needs: accelerate
line: batches = iter(loader)
line: for x, target in batches
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(2)
accelerator = Accelerator(cpu=True)
x = torch.randn(512, 6)
y = x @ torch.randn(6) + 0.1 * torch.randn(512)
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
model, optimizer, loader = accelerator.prepare(
    model, optimizer, DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
)
batches = iter(loader)
for epoch in range(5):
    total = 0.0
    for x, target in batches:
        loss = F.mse_loss(model(x).squeeze(1), target)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
    accelerator.print(f"epoch {epoch} loss {total / len(loader):.4f}")
