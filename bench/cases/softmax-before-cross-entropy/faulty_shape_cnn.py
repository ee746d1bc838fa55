"""Convolutional classifier of four synthetic textures.

causes: softmax-before-cross-entropy
line: return F.softmax(self.fc(x.flatten(1)), dim=-1)
line: loss = F.cross_entropy(net(images[idx]), labels[idx])
thread: https://github.com/ariecattan/SciCo/issues/2
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class TextureNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.fc = nn.Linear(16 * 4, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.adaptive_avg_pool2d(F.relu(self.conv2(x)), 2)
        return F.softmax(self.fc(x.flatten(1)), dim=-1)


def textures(n):
    labels = torch.randint(0, 4, (n,))
    r = torch.arange(12)
    rows = (r % 4 < 2).float()[:, None].expand(12, 12)
    diag = ((r[:, None] + r[None, :]) % 4 < 2).float()
    check = ((r[:, None] // 2 + r[None, :] // 2) % 2).float()
    bank = torch.stack([rows, rows.T, diag, check])
    return (bank[labels] + 0.4 * torch.randn(n, 12, 12)).unsqueeze(1), labels


def main():
    torch.manual_seed(3)
    images, labels = textures(480)
    test_images, test_labels = textures(120)
    net = TextureNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(15):
        net.train()
        losses = []
        for idx in torch.randperm(480).split(24):
            loss = F.cross_entropy(net(images[idx]), labels[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            acc = (net(test_images).argmax(1) == test_labels).float().mean()
        print("epoch %2d   train %.4f   test acc %.3f" % (epoch, sum(losses) / len(losses), acc))


if __name__ == "__main__":
    main()
