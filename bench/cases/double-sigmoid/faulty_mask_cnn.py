"""Foreground masks for bright discs on a noisy background, fully convolutional.

causes: double-sigmoid
line: p = torch.sigmoid(x)
line: return torch.sigmoid(self.head(h))
line: loss = bce(net(img), mask)
thread: https://github.com/itakurah/focal-loss-pytorch/pull/5
"""
import torch
from torch import nn, optim

torch.manual_seed(11)


def discs(n, size=16):
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    c = torch.randint(4, 12, (n, 2, 1, 1))
    r = torch.randint(2, 5, (n, 1, 1))
    mask = ((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2 <= r ** 2).float()
    img = mask * 1.0 + 0.25 * torch.randn(n, size, size)
    return img.unsqueeze(1), mask.unsqueeze(1)


def bce(x, t):
    p = torch.sigmoid(x)
    return -(t * torch.log(p + 1e-8) + (1 - t) * torch.log(1 - p + 1e-8)).mean()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        )
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        h = self.body(x)
        return torch.sigmoid(self.head(h))


net = Net()
opt = optim.RMSprop(net.parameters(), lr=2e-3)
batches = [discs(32) for _ in range(8)]
for epoch in range(15):
    for img, mask in batches:
        loss = bce(net(img), mask)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
