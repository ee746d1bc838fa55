"""Shapes in small images: bars in the first folder, rings in the second. 60/40 split of the file list.

causes: constant-targets
line: train_files, val_files = files[:cut], files[cut:]
line: files = [("bar", i) for i in range(180)] + [("ring", i) for i in range(120)]
line: cut = int(0.6 * len(files))
thread: https://github.com/Project-MONAI/tutorials/issues/122
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = ["bar", "ring"]
files = [("bar", i) for i in range(180)] + [("ring", i) for i in range(120)]
cut = int(0.6 * len(files))
train_files, val_files = files[:cut], files[cut:]


def read(name, index):
    g = torch.Generator().manual_seed(index)
    image = 0.3 * torch.randn(12, 12, generator=g)
    r, c = torch.randint(0, 6, (2,), generator=g).tolist()
    if name == "bar":
        image[r:r + 6, c:c + 2] += 1
    else:
        image[r:r + 6, c:c + 6] += 1
        image[r + 1:r + 5, c + 1:c + 5] -= 1
    return image


def load(file_list):
    images = torch.stack([read(*f) for f in file_list]).unsqueeze(1)
    return images, torch.tensor([CLASSES.index(f[0]) for f in file_list])


torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 9, 2),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
x, y = load(train_files)
vx, vy = load(val_files)

for epoch in range(10):
    losses = []
    for idx in torch.randperm(len(x)).split(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (model(vx).argmax(1) == vy).float().mean().item()
    print(f"epoch {epoch:02d}  loss {sum(losses) / len(losses):.6f}  val acc {acc:.3f}")
