"""Foreground segmentation of bright blobs on a noisy background.

A tiny encoder-decoder; the mask is one channel of 0 and 1.

causes: one-class-softmax
line: return F.cross_entropy(pred, mask)
line: self.out = nn.Conv2d(16, 1, kernel_size=1)
thread: https://github.com/open-mmlab/mmsegmentation/issues/2201
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.mid = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.out = nn.Conv2d(16, 1, kernel_size=1)

    def forward(self, x):
        return self.out(self.up(self.mid(self.down(x))))


def make_images(n, size=24):
    grid = torch.arange(size).float()
    cy, cx = torch.randint(5, size - 5, (2, n)).float()
    r = torch.randint(3, 7, (n,)).float()
    d2 = (grid[None, :, None] - cy[:, None, None]) ** 2 + (grid[None, None, :] - cx[:, None, None]) ** 2
    masks = (d2 < r[:, None, None] ** 2).float().unsqueeze(1)
    images = 0.8 * masks + 0.2 * torch.randn(n, 1, size, size)
    return images, masks


def seg_loss(pred, mask):
    return F.cross_entropy(pred, mask)


def mean_iou(pred, mask):
    fg = torch.sigmoid(pred) > 0.5
    gt = mask > 0.5
    return ((fg & gt).sum().float() / (fg | gt).sum().clamp(min=1)).item()


def main():
    torch.manual_seed(11)
    images, masks = make_images(96)
    val_images, val_masks = make_images(32)
    net = TinyUNet()
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(1, 6):
        total = 0.0
        for i in range(0, len(images), 16):
            loss = seg_loss(net(images[i:i + 16]), masks[i:i + 16])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * 16
        with torch.no_grad():
            iou = mean_iou(net(val_images), val_masks)
        print(f"[epoch {epoch}] train_loss={total / len(images):.6f} val_IoU={iou:.3f}")


if __name__ == "__main__":
    main()
