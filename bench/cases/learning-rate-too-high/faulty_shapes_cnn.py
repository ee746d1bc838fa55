"""Squares, crosses and discs: a small CNN trained with RMSprop.

causes: learning-rate-too-high
line: optimizer = torch.optim.RMSprop(net.parameters(), lr=0.1)
thread: https://github.com/keras-team/keras/issues/4066
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 14


def draw(kind, cy, cx, r):
    yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    dy, dx = (yy - cy).abs(), (xx - cx).abs()
    if kind == 0:
        return ((dy <= r) & (dx <= r)).float()
    if kind == 1:
        return (((dy <= 1) & (dx <= r)) | ((dx <= 1) & (dy <= r))).float()
    return (dy ** 2 + dx ** 2 <= r ** 2).float()


def make_dataset(n):
    labels = torch.arange(n) % 3
    images = []
    for k in labels.tolist():
        cy, cx = torch.randint(5, SIZE - 5, (2,)).tolist()
        r = int(torch.randint(3, 5, (1,)))
        images.append(draw(k, cy, cx, r) + 0.1 * torch.randn(SIZE, SIZE))
    return torch.stack(images).unsqueeze(1), labels


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 9, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.max_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.max_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        return self.fc2(x)


def train(net, images, labels, epochs=8, batch=30):
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.1)
    for epoch in range(epochs):
        losses, hits = [], 0
        for idx in torch.randperm(len(images)).split(batch):
            out = net(images[idx])
            loss = F.cross_entropy(out, labels[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hits += (out.argmax(1) == labels[idx]).sum().item()
        print("epoch", epoch, "loss", round(sum(losses) / len(losses), 4), "acc", round(hits / len(images), 3))


if __name__ == "__main__":
    torch.manual_seed(4)
    train(Net(), *make_dataset(300))
