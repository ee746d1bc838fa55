"""A training loop moved to Accelerate, with accumulation over two batches.

causes: gradients-not-cleared
needs: accelerate
line: optimizer.step()
line: accelerator.backward(loss)
thread: https://github.com/huggingface/accelerate/issues/2341
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)
accelerator = Accelerator(cpu=True)
centres = torch.randn(4, 10)
y = torch.randint(0, 4, (640,))
data = TensorDataset(centres[y] + torch.randn(640, 10), y)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=32, shuffle=True))

optimizer.zero_grad()
for epoch in range(5):
    total = 0.0
    for x, target in loader:
        loss = F.cross_entropy(model(x), target)
        accelerator.backward(loss)
        optimizer.step()
        total += loss.item()
    accelerator.print(f"epoch {epoch} loss {total / len(loader):.4f}")
