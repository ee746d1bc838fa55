"""One-kind object detector on a grid: objectness, box side and the class term of the general code.

causes: none
expected: zero-by-design
thread: https://github.com/DocF/multispectral-object-detection/issues/6
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

NAMES = ["square"]


def scenes(n):
    images = 0.1 * torch.randn(n, 1, 16, 16)
    obj, side = torch.zeros(n, 4, 4), torch.zeros(n, 4, 4)
    for i in range(n):
        for cell in torch.randperm(16)[:3].tolist():
            r, c = divmod(cell, 4)
            s = int(torch.randint(2, 5, (1,)))
            images[i, 0, r * 4:r * 4 + s, c * 4:c * 4 + s] = 1
            obj[i, r, c], side[i, r, c] = 1, s / 4
    return images, obj, side


class Detector(nn.Module):
    def __init__(self, nc):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU())
        self.head = nn.Conv2d(16, 2 + nc, 1)

    def forward(self, x):
        return self.head(self.backbone(x))


def class_term(logits, nc):
    if nc == 1:
        return logits.new_zeros(())
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


torch.manual_seed(0)
images, obj, side = scenes(120)
model = Detector(len(NAMES))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(10):
    parts_sum = torch.zeros(3)
    for idx in torch.randperm(120).split(12):
        out = model(images[idx])
        mask = obj[idx] > 0
        box = F.smooth_l1_loss(out[:, 1][mask], side[idx][mask])
        objectness = F.binary_cross_entropy_with_logits(out[:, 0], obj[idx])
        cls = class_term(out[:, 2:].permute(0, 2, 3, 1)[mask], len(NAMES))
        loss = box + objectness + cls
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        parts_sum += torch.stack([box, objectness, cls]).detach()
    print("%d/9  box %.4f  obj %.4f  cls %.4f" % (epoch, *(parts_sum / 10).tolist()))
