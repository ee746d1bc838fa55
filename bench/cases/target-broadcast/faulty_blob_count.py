"""Count the total mass of bright spots in an image: CNN regression with smooth L1.

causes: target-broadcast
line: loss = F.smooth_l1_loss(model(images).squeeze(1), counts)
line: counts = spots.sum(dim=1, keepdim=True)
thread: https://github.com/deepset-ai/FARM/issues/229
"""
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(5)


def make(n):
    spots = torch.rand(n, 144) * (torch.rand(n, 144) < 0.06)
    counts = spots.sum(dim=1, keepdim=True)
    return spots.view(n, 1, 12, 12), counts


model = nn.Sequential(
    nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(8 * 36, 1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
batches = [make(32) for _ in range(12)]
val_x, val_y = make(100)

for epoch in range(1, 16):
    total = 0.0
    for images, counts in batches:
        loss = F.smooth_l1_loss(model(images).squeeze(1), counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        mae = (model(val_x) - val_y).abs().mean().item()
    print(f"[{epoch:02d}] train {total / len(batches):.4f}  val mae {mae:.4f}")
