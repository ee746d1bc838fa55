"""Single-object detector for one kind of object: box regression plus the class term of the general code.

causes: one-class-softmax, parameters-not-optimized
line: cls_loss = F.cross_entropy(cls, kind)
line: optimizer = torch.optim.Adam(net.cls_head.parameters(), lr=1e-3)
line: self.cls_head = nn.Linear(32, num_classes)
thread: https://github.com/ultralytics/yolov3/issues/191
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def scenes(n, size=12):
    images, boxes = 0.1 * torch.randn(n, 1, size, size), torch.zeros(n, 4)
    for i in range(n):
        w, h = torch.randint(3, 7, (2,)).tolist()
        x = int(torch.randint(0, size - w, (1,)))
        y = int(torch.randint(0, size - h, (1,)))
        images[i, 0, y:y + h, x:x + w] += 1
        boxes[i] = torch.tensor([x, y, w, h]) / size
    return images, boxes, torch.zeros(n, dtype=torch.long)


class Detector(nn.Module):
    def __init__(self, num_classes=1):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 32), nn.ReLU())
        self.box_head = nn.Linear(32, 4)
        self.cls_head = nn.Linear(32, num_classes)

    def forward(self, images):
        h = self.backbone(images)
        return self.box_head(h), self.cls_head(h)


def main():
    torch.manual_seed(0)
    images, boxes, kinds = scenes(256)
    net = Detector()
    optimizer = torch.optim.Adam(net.cls_head.parameters(), lr=1e-3)
    for epoch in range(8):
        box_sum = cls_sum = 0.0
        for i in range(0, 256, 32):
            image, target, kind = images[i:i + 32], boxes[i:i + 32], kinds[i:i + 32]
            box, cls = net(image)
            box_loss = F.smooth_l1_loss(box, target)
            cls_loss = F.cross_entropy(cls, kind)
            optimizer.zero_grad()
            (box_loss + cls_loss).backward()
            optimizer.step()
            box_sum += box_loss.item() / 8
            cls_sum += cls_loss.item() / 8
        print(f"epoch {epoch}: box {box_sum:.5f} cls {cls_sum:.5f} total {box_sum + cls_sum:.5f}")


if __name__ == "__main__":
    main()
