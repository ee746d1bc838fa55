"""Accumulation, clipping, a scheduler, and metrics gathered after each epoch.

causes: none
needs: accelerate
thread: own
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=4)
centres = torch.randn(4, 10)
y = torch.randint(0, 4, (800,))
x = centres[y] + 1.3 * torch.randn(800, 10)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=24)
train = DataLoader(TensorDataset(x[:640], y[:640]), batch_size=16, shuffle=True)
held_out = DataLoader(TensorDataset(x[640:], y[640:]), batch_size=32)
model, optimizer, train, held_out, scheduler = accelerator.prepare(model, optimizer, train, held_out, scheduler)
for epoch in range(4):
    model.train()
    total = 0.0
    for inputs, target in train:
        with accelerator.accumulate(model):
            loss = F.cross_entropy(model(inputs), target)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        total += loss.detach().float()
    model.eval()
    right = 0
    for inputs, target in held_out:
        with torch.no_grad():
            guess = model(inputs).argmax(-1)
        guess, target = accelerator.gather_for_metrics((guess, target))
        right += int((guess == target).sum())
    accelerator.print(f"epoch {epoch}: train_loss {total.item() / len(train):.4f} accuracy {right / 160:.3f}")
