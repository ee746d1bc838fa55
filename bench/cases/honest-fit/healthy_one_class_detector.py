"""A single-class detector: box, objectness and class losses over a grid of cells.

The data set has one class, so the class part stays at zero while the others train.

causes: none
expected: one-class-softmax
thread: https://github.com/experiencor/keras-yolo2/issues/101
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

GRID, CELL, NUM_CLASSES = 4, 6, 1
SIZE = GRID * CELL


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 24, CELL, stride=CELL), nn.ReLU(),
        )
        self.head = nn.Conv2d(24, 4 + 1 + NUM_CLASSES, 1)

    def forward(self, x):
        out = self.head(self.backbone(x)).permute(0, 2, 3, 1)
        return out[..., :4], out[..., 4], out[..., 5:]


def make_batch(n):
    images = 0.1 * torch.randn(n, 1, SIZE, SIZE)
    box = torch.zeros(n, GRID, GRID, 4)
    obj = torch.zeros(n, GRID, GRID)
    cls = torch.zeros(n, GRID, GRID, dtype=torch.long)
    for i in range(n):
        gy, gx = torch.randint(0, GRID, (2,)).tolist()
        h, w = torch.randint(2, CELL, (2,)).tolist()
        y0, x0 = gy * CELL, gx * CELL
        images[i, 0, y0:y0 + h, x0:x0 + w] += 1.0
        box[i, gy, gx] = torch.tensor([h / 2, w / 2, h, w]) / CELL
        obj[i, gy, gx] = 1.0
    return images, box, obj, cls


def compute_loss(pred, box, obj, cls):
    p_box, p_obj, p_cls = pred
    pos = obj > 0
    l_box = F.smooth_l1_loss(p_box[pos], box[pos])
    l_obj = F.binary_cross_entropy_with_logits(p_obj, obj)
    l_cls = F.cross_entropy(p_cls[pos], cls[pos])
    return l_box + l_obj + l_cls, (l_box.item(), l_obj.item(), l_cls.item())


torch.manual_seed(2)
model = Detector()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    sums = [0.0, 0.0, 0.0]
    for _ in range(15):
        images, box, obj, cls = make_batch(16)
        loss, parts = compute_loss(model(images), box, obj, cls)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums = [s + p / 15 for s, p in zip(sums, parts)]
    print("epoch {}  box {:.4f}  obj {:.4f}  cls {:.4f}".format(epoch, *sums))
