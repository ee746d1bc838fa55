"""Segmentation where only a small annotated window of each image counts; the rest is void (255).

causes: none
thread: https://github.com/vlfeat/matconvnet/issues/412
"""
import torch
import torch.nn as nn

torch.manual_seed(5)
VOID = 255


def batch(n):
    kind = torch.randint(0, 3, (n, 4, 4)).repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = torch.nn.functional.one_hot(kind, 3).permute(0, 3, 1, 2).float()
    image = image + 0.3 * torch.randn_like(image)
    target = torch.full_like(kind, VOID)
    target[:, 5:11, 5:11] = kind[:, 5:11, 5:11]
    return image, target


train = [batch(8) for _ in range(16)]
valid = batch(32)
net = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 3, 1),
)
criterion = nn.CrossEntropyLoss(ignore_index=VOID)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

for epoch in range(6):
    total = 0.0
    for image, target in train:
        optimizer.zero_grad()
        loss = criterion(net(image), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        logits = net(valid[0])
        known = valid[1] != VOID
        acc = (logits.argmax(1)[known] == valid[1][known]).float().mean()
    print(f"epoch {epoch} train_loss={total / len(train):.4f} pixel_acc={acc:.3f}")
