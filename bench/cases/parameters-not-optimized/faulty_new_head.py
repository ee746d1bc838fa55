"""Transfer learning: a pretrained convolutional trunk is frozen and gets a new head for three textures.

causes: parameters-not-optimized
line: optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
line: net.head = nn.Linear(16, 3)
thread: https://github.com/zjunlp/HVPNeT/issues/5
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        return self.head(self.trunk(x))


def textures(n, kinds):
    labels = torch.randint(0, len(kinds), (n,))
    r = torch.arange(12)
    rows = (r % 4 < 2).float()[:, None].expand(12, 12)
    diag = ((r[:, None] + r[None, :]) % 4 < 2).float()
    check = ((r[:, None] // 2 + r[None, :] // 2) % 2).float()
    bank = torch.stack([rows, rows.T, diag, diag.flip(0), check])[list(kinds)]
    return (bank[labels] + 0.2 * torch.randn(n, 12, 12)).unsqueeze(1), labels


def fit(net, optimizer, data, epochs, tag):
    images, labels = data
    for epoch in range(epochs):
        losses = []
        for idx in torch.arange(len(images)).split(20):
            loss = F.cross_entropy(net(images[idx]), labels[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"{tag} epoch {epoch} loss {sum(losses) / len(losses):.4f}")


torch.manual_seed(0)
net = Net(5)
fit(net, torch.optim.Adam(net.parameters(), lr=1e-2), textures(200, (0, 1, 2, 3, 4)), 6, "pretrain")

for p in net.trunk.parameters():
    p.requires_grad = False
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
net.head = nn.Linear(16, 3)
fit(net, optimizer, textures(200, (0, 2, 4)), 8, "finetune")
