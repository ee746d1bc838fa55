"""Keypoint heat maps: the network paints a small Gaussian on the bright corner of a square.

causes: gradients-not-cleared
line: opt.zero_grad()
line: loss.backward()
thread: https://github.com/xingyizhou/CenterNet/issues/928
"""
import torch
import torch.nn as nn


def scene(n, size=14):
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    top = torch.randint(1, 8, (n, 2))
    img = 0.1 * torch.randn(n, 1, size, size)
    heat = torch.zeros(n, 1, size, size)
    for k, (r, c) in enumerate(top.tolist()):
        img[k, 0, r:r + 5, c:c + 5] += 1.0
        heat[k, 0] = torch.exp(-((yy - r) ** 2 + (xx - c) ** 2) / 2.0)
    return img, heat


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.Conv2d(8, 1, 1),
    )


def main():
    torch.manual_seed(9)
    data = [scene(16) for _ in range(10)]
    net = build()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    opt.zero_grad()
    for epoch in range(12):
        total = 0.0
        for img, heat in data:
            out = net(img)
            loss = 10 * ((out - heat) ** 2).mean()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch {epoch:2d}  hm_loss {total / len(data):.5f}")


if __name__ == "__main__":
    main()
