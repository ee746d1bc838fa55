"""Grid detector where a third of the images are empty and at most two of sixteen cells hold an object.

causes: none
thread: https://github.com/ultralytics/yolov5/issues/7634
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
GRID = 4


def make_scene():
    image = 0.1 * torch.randn(1, 16, 16)
    obj_map, cls_map, side_map = torch.zeros(4, 4), torch.zeros(4, 4, dtype=torch.long), torch.zeros(4, 4)
    count = int(torch.randint(0, 3, (1,)))
    for cell in torch.randperm(16)[:count].tolist():
        row, col = divmod(cell, GRID)
        side, kind = int(torch.randint(2, 5, (1,))), int(torch.randint(0, 2, (1,)))
        image[0, row * 4:row * 4 + side, col * 4:col * 4 + side] = 1.0 - 2.0 * kind
        obj_map[row, col], cls_map[row, col], side_map[row, col] = 1, kind, side / 4
    return image, obj_map, cls_map, side_map


images, obj, cls, side = (torch.stack(t) for t in zip(*(make_scene() for _ in range(160))))
model = nn.Sequential(nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU(), nn.Conv2d(16, 4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

for epoch in range(10):
    sums = torch.zeros(3)
    for idx in torch.randperm(160).split(8):
        out, positive = model(images[idx]), obj[idx] > 0
        n = positive.sum().clamp(min=1)
        loss_obj = F.binary_cross_entropy_with_logits(out[:, 0], obj[idx])
        logits = out[:, 1:3].permute(0, 2, 3, 1)[positive]
        loss_cls = F.cross_entropy(logits, cls[idx][positive], reduction="sum") / n
        loss_box = F.smooth_l1_loss(out[:, 3][positive], side[idx][positive], reduction="sum") / n
        loss = loss_obj + loss_cls + loss_box
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums += torch.stack([loss_obj, loss_cls, loss_box]).detach()
    print("epoch {} obj {:.4f} cls {:.4f} box {:.4f}".format(epoch, *(sums / 20).tolist()))
