"""Conditional image model: a small U-Net whose bottleneck carries a Gaussian code.

causes: posterior-collapse
line: return self.out(torch.cat([self.up(d.relu()), skip], 1)), mean, logvar
line: loss = rec + kl
thread: https://github.com/CompVis/vunet/issues/5
"""
import torch
import torch.nn as nn


class CodeUNet(nn.Module):
    def __init__(self, ch=12, code=6):
        super().__init__()
        self.enc1 = nn.Conv2d(1, ch, 3, padding=1)
        self.enc2 = nn.Conv2d(ch, ch, 3, stride=2, padding=1)
        self.to_mean = nn.Linear(ch * 36, code)
        self.to_logvar = nn.Linear(ch * 36, code)
        self.from_code = nn.Linear(code, ch * 36)
        self.up = nn.Upsample(scale_factor=2)
        self.out = nn.Conv2d(2 * ch, 1, 3, padding=1)

    def forward(self, x):
        skip = self.enc1(x).relu()
        h = self.enc2(skip).relu().flatten(1)
        mean, logvar = self.to_mean(h), self.to_logvar(h)
        z = mean + (logvar / 2).exp() * torch.randn_like(mean)
        d = self.from_code(z).view(len(x), -1, 6, 6)
        return self.out(torch.cat([self.up(d.relu()), skip], 1)), mean, logvar


def blobs(n):
    grid = torch.linspace(-1, 1, 12)
    cx, cy = torch.rand(2, n, 1, 1) * 1.2 - 0.6
    dist = (grid.view(1, 1, 12) - cx) ** 2 + (grid.view(1, 12, 1) - cy) ** 2
    return torch.exp(-dist / 0.1).unsqueeze(1)


def main():
    torch.manual_seed(3)
    images = blobs(512)
    net = CodeUNet()
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for epoch in range(12):
        sums = [0.0, 0.0]
        for batch in images[torch.randperm(512)].split(32):
            out, mean, logvar = net(batch)
            rec = ((out - batch) ** 2).sum((1, 2, 3)).mean()
            kl = 0.5 * (mean ** 2 + logvar.exp() - 1 - logvar).sum(1).mean()
            loss = rec + kl
            opt.zero_grad()
            loss.backward()
            opt.step()
            sums[0] += rec.item() / 16
            sums[1] += kl.item() / 16
        print("epoch %02d | rec %.4f | kl %.4f" % (epoch, *sums))


if __name__ == "__main__":
    main()
