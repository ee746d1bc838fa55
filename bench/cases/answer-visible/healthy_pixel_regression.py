"""A small network learns a picture from pixel coordinates; a tenth of the pixels is held out.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
side = 48
rows, cols = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
picture = 0.5 + 0.3 * torch.sin(4 * rows + cols**2 * 3) + 0.2 * (rows**2 + cols**2 < 0.3).float()
pixels = TensorDataset(torch.stack([rows, cols], -1).reshape(-1, 2), picture.reshape(-1, 1))
held = side * side // 10
train_set, val_set = random_split(pixels, [side * side - held, held])
train, val = DataLoader(train_set, 128, shuffle=True), DataLoader(val_set, 256)
field = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(field.parameters(), lr=3e-3)
for epoch in range(20):
    total = 0.0
    for position, value in train:
        loss = nn.functional.mse_loss(field(position), value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        held_out = sum(nn.functional.mse_loss(field(p), v).item() for p, v in val) / len(val)
    print(f"epoch {epoch:2d} loss {total / len(train):.5f} val loss {held_out:.5f}")
