"""Four oriented edges in small patches, CNN classifier with hand-set start values.

causes: symmetric-initialization
line: torch.nn.init.ones_(p)
line: p.mul_(1.0 / p[0].numel())
thread: own
"""
import logging

import torch
import torch.nn as nn
import torch.nn.functional as F

logging.basicConfig(level=logging.INFO, format="%(message)s")


class EdgeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 8, 3)
        self.c2 = nn.Conv2d(8, 16, 3)
        self.fc = nn.Linear(16, 4)
        self.reset()

    @torch.no_grad()
    def reset(self):
        for name, p in self.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.ones_(p)
                p.mul_(1.0 / p[0].numel())
            else:
                p.zero_()

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def patches(n):
    base = torch.zeros(4, 10, 10)
    base[0, :, 4:6] = 1
    base[1, 4:6, :] = 1
    base[2] = torch.eye(10)
    base[3] = torch.eye(10).flip(0)
    y = torch.randint(0, 4, (n,))
    shift = torch.randint(-2, 3, (n,)).tolist()
    x = torch.stack([torch.roll(base[k], (s, s), dims=(0, 1)) for k, s in zip(y.tolist(), shift)])
    x = x / x.sum((1, 2), keepdim=True) * 15
    return x.unsqueeze(1) + 0.1 * torch.randn(n, 1, 10, 10), y


def main():
    torch.manual_seed(3)
    x, y = patches(480)
    net = EdgeNet()
    opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
    for epoch in range(12):
        tot = 0.0
        for idx in torch.randperm(480).split(40):
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() / 12
        logging.info("epoch %d loss %.4f", epoch, tot)


if __name__ == "__main__":
    main()
