"""Stripe orientation with a small convolutional network and a data loader.

causes: too-few-steps
line: loader = DataLoader(TensorDataset(images, labels), batch_size=512, shuffle=True)
line: fit(net, loader, epochs=4)
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def stripes(n, size=12):
    labels = torch.randint(0, 2, (n,))
    phase = torch.rand(n, 1, 1) * 6.28
    ramp = torch.arange(size).float() * 1.5
    rows = torch.sin(ramp[None, :, None] + phase).expand(n, size, size)
    cols = torch.sin(ramp[None, None, :] + phase).expand(n, size, size)
    images = torch.where(labels[:, None, None] == 0, rows, cols) + 0.3 * torch.randn(n, size, size)
    return images.unsqueeze(1), labels


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 3)
        self.c2 = nn.Conv2d(6, 12, 3)
        self.fc = nn.Linear(12, 2)

    def forward(self, x):
        x = F.relu(self.c2(F.relu(self.c1(x))))
        return F.log_softmax(self.fc(x.mean(dim=(2, 3))), dim=1)


def fit(net, loader, epochs):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(1, epochs + 1):
        total, right, count = 0.0, 0, 0
        for x, t in loader:
            optimizer.zero_grad()
            log_p = net(x)
            loss = F.nll_loss(log_p, t)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            right += (log_p.argmax(1) == t).sum().item()
            count += len(x)
        print(f"Train Epoch: {epoch}\tLoss: {total / count:.6f}\tAcc: {right}/{count}")


if __name__ == "__main__":
    torch.manual_seed(1)
    images, labels = stripes(500)
    loader = DataLoader(TensorDataset(images, labels), batch_size=512, shuffle=True)
    net = ConvNet()
    fit(net, loader, epochs=4)
