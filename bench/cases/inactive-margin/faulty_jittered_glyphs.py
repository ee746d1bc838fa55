"""Glyph embedding without labels for the positive: a jittered copy against another glyph, triplet loss by hand.

causes: inactive-margin
line: MARGIN = 0.2
line: positive = anchor + JITTER * torch.randn_like(anchor)
line: loss = torch.relu(d_pos - d_neg + MARGIN).mean()
thread: https://github.com/omoindrot/tensorflow-triplet-loss/issues/27
"""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(1)
MARGIN = 0.2
JITTER = 0.3
d = load_digits()
pixels = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(d.target)


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.fc = nn.Linear(8 * 36, 16)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1))


def sample(n):
    i = torch.randint(0, len(labels), (n,))
    j = torch.randint(0, len(labels), (n,))
    keep = labels[i] != labels[j]
    anchor, negative = pixels[i[keep]], pixels[j[keep]]
    positive = anchor + JITTER * torch.randn_like(anchor)
    return anchor, positive, negative


net = Embed()
opt = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
for step in range(201):
    anchor, positive, negative = sample(64)
    e = net(anchor)
    d_pos = (e - net(positive)).pow(2).sum(1)
    d_neg = (e - net(negative)).pow(2).sum(1)
    loss = torch.relu(d_pos - d_neg + MARGIN).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0:
        print(f"step {step} triplet {loss.item():.6f}")
