"""The model is made again for the evaluation of a baseline, before everything is prepared.

causes: parameters-not-optimized
needs: accelerate
line: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
line: model = build()  # from the same weights for each run
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(1)
accelerator = Accelerator(cpu=True)


def build():
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))


centres = torch.randn(3, 10)
y = torch.randint(0, 3, (480,))
data = TensorDataset(centres[y] + torch.randn(480, 10), y)
model = build()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
torch.manual_seed(1)
model = build()  # from the same weights for each run
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=32, shuffle=True))
for epoch in range(4):
    for x, target in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        accelerator.backward(loss)
        optimizer.step()
    accelerator.print(f"epoch {epoch} loss {loss.item():.4f}")
