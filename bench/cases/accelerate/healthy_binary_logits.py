"""One output and a loss for logits, with a sampler of the program's own.

causes: none
needs: accelerate
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

set_seed(3)
accelerator = Accelerator(cpu=True)
x = torch.randn(800, 12)
y = (x[:, 0] + 0.8 * x[:, 1] + 0.4 * torch.randn(800) > 1.0).float()
weights = torch.where(y > 0, 1 / y.mean(), 1 / (1 - y.mean()))
loader = DataLoader(TensorDataset(x, y), batch_size=32, sampler=WeightedRandomSampler(weights, 800))
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
model, optimizer, loader, criterion = accelerator.prepare(model, optimizer, loader, criterion)
for epoch in range(4):
    losses = []
    for inputs, target in loader:
        loss = criterion(model(inputs).squeeze(1), target)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(accelerator.gather(loss.detach()))
    accelerator.print(f"epoch {epoch} loss {torch.stack(losses).mean():.4f}")
