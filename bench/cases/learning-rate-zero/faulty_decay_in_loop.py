"""Textures with a small CNN, learning rate decayed by ten on a step schedule.

causes: learning-rate-zero
line: self.scheduler.step()
line: StepLR(self.optimizer, step_size=2, gamma=0.1)
thread: https://github.com/leftthomas/SRGAN/issues/94
"""
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR


def textures(n):
    labels = torch.randint(0, 4, (n,))
    r = torch.arange(12)
    rows = (r % 4 < 2).float()[:, None].expand(12, 12)
    diag = ((r[:, None] + r[None, :]) % 4 < 2).float()
    check = ((r[:, None] // 2 + r[None, :] // 2) % 2).float()
    bank = torch.stack([rows, rows.T, diag, check])
    return (bank[labels] + 0.3 * torch.randn(n, 12, 12)).unsqueeze(1), labels


class Trainer:
    def __init__(self, net, images, labels):
        self.net, self.images, self.labels = net, images, labels
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        self.scheduler = StepLR(self.optimizer, step_size=2, gamma=0.1)

    def train_epoch(self):
        losses = []
        for idx in torch.randperm(len(self.images)).split(20):
            self.optimizer.zero_grad()
            loss = self.criterion(self.net(self.images[idx]), self.labels[idx])
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)


if __name__ == "__main__":
    torch.manual_seed(5)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 9, 4),
    )
    trainer = Trainer(net, *textures(400))
    for epoch in range(6):
        print("epoch", epoch, "loss %.5f" % trainer.train_epoch())
