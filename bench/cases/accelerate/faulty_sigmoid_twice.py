"""Fault detection in machines: a sigmoid at the end, and a loss for logits.

causes: double-sigmoid
needs: accelerate
line: nn.Sigmoid()
line: loss = criterion(
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(3)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
x = torch.randn(640, 12)
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0.5).float()
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
model, optimizer, loader = accelerator.prepare(
    model, optimizer, DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
)
for epoch in range(5):
    for x, target in loader:
        with accelerator.accumulate(model):
            loss = criterion(model(x).squeeze(1), target)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
    accelerator.print(f"epoch {epoch} loss {loss.item():.4f}")
