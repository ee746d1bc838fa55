"""Grid detector for two kinds of squares; annotations name their class, the model head follows the config.

causes: no-positive-targets
line: CLASSES = ("Light", "Dark")
line: if obj["name"] not in CLASSES:
thread: https://github.com/AILab-CVC/YOLO-World/issues/337
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = ("Light", "Dark")
GRID = 4


def make_scene(g):
    image = 0.1 * torch.randn(1, 16, 16, generator=g)
    annotation = []
    for cell in torch.randperm(GRID * GRID, generator=g)[:3].tolist():
        row, col = divmod(cell, GRID)
        side = int(torch.randint(2, 5, (1,), generator=g))
        name = "light" if torch.rand(1, generator=g) < 0.5 else "dark"
        image[0, row * 4:row * 4 + side, col * 4:col * 4 + side] = 1.0 if name == "light" else -1.0
        annotation.append({"name": name, "cell": (row, col), "side": side / 4})
    return image, annotation


def build_targets(annotation):
    obj_map = torch.zeros(GRID, GRID)
    cls_map = torch.zeros(GRID, GRID, dtype=torch.long)
    side_map = torch.zeros(GRID, GRID)
    for obj in annotation:
        if obj["name"] not in CLASSES:
            continue
        obj_map[obj["cell"]] = 1
        cls_map[obj["cell"]] = CLASSES.index(obj["name"])
        side_map[obj["cell"]] = obj["side"]
    return obj_map, cls_map, side_map


def detection_loss(out, obj_map, cls_map, side_map):
    positive = obj_map > 0
    loss_obj = F.binary_cross_entropy_with_logits(out[:, 0], obj_map)
    count = positive.sum().clamp(min=1)
    loss_cls = F.cross_entropy(out[:, 1:3].permute(0, 2, 3, 1)[positive], cls_map[positive], reduction="sum") / count
    loss_box = F.smooth_l1_loss(out[:, 3][positive], side_map[positive], reduction="sum") / count
    return loss_obj, loss_cls, loss_box


torch.manual_seed(0)
g = torch.Generator().manual_seed(1)
scenes = [make_scene(g) for _ in range(96)]
images = torch.stack([s[0] for s in scenes])
targets = [torch.stack(t) for t in zip(*(build_targets(s[1]) for s in scenes))]
model = nn.Sequential(nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU(), nn.Conv2d(16, 4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

for epoch in range(10):
    sums = torch.zeros(3)
    for idx in torch.randperm(96).split(12):
        parts = detection_loss(model(images[idx]), *(t[idx] for t in targets))
        loss = sum(parts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums += torch.stack(parts).detach()
    print("epoch {} obj {:.4f} cls {:.4f} box {:.4f}".format(epoch, *(sums / 8).tolist()))
