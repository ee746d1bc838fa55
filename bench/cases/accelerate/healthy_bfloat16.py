"""Mixed precision in bfloat16 for a regression.

causes: none
needs: accelerate
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(1)
accelerator = Accelerator(cpu=True, mixed_precision="bf16")
x = torch.randn(640, 6)
y = (x[:, :1] * 2 + torch.sin(3 * x[:, 1:2])) + 0.1 * torch.randn(640, 1)
model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
model, optimizer, loader = accelerator.prepare(
    model, optimizer, DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
)
for epoch in range(5):
    running = 0.0
    for step, (inputs, target) in enumerate(loader):
        with accelerator.autocast():
            loss = criterion(model(inputs), target)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        running += loss.item()
        if step % 10 == 9:
            print(f"epoch {epoch} step {step} loss {running / (step + 1):.4f}")
