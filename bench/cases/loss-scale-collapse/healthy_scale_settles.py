"""Half precision training of a small convolutional net on made textures with a gradient scaler.

causes: none
thread: https://github.com/NVIDIA/apex/issues/834
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(3)


def textures(n):
    kind = torch.randint(0, 4, (n,))
    ramp = torch.arange(12.0)
    wave = torch.sin(ramp * 1.6 + 6.28 * torch.rand(n, 1))
    images = torch.stack([
        wave[:, None, :].expand(n, 12, 12), wave[:, :, None].expand(n, 12, 12),
        wave[:, None, :] * wave[:, :, None], torch.randn(n, 12, 12),
    ], 1)
    picked = images[torch.arange(n), kind]
    return (picked + 0.2 * torch.randn_like(picked)).unsqueeze(1), kind


model = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(),
    nn.Flatten(), nn.Linear(16 * 9, 4),
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 20)
train_x, train_y = textures(480)
test_x, test_y = textures(120)

for epoch in range(1, 8):
    running = 0.0
    for xb, yb in zip(train_x.split(32), train_y.split(32)):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.float16):
            out = model(xb)
            loss = F.cross_entropy(out, yb)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        running += loss.item()
    with torch.no_grad():
        acc = (model(test_x).argmax(1) == test_y).float().mean()
    print(f"Epoch {epoch} train_loss={running / 15:.4f} test_acc={acc:.3f} scale {scaler.get_scale():g}")
