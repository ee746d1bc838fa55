"""Sensor waves of three frequencies, 1-d conv net with batch norm; validated once first to get a baseline.

causes: wrong-mode
line: self.model.eval()
line: out = self.model(x)
thread: https://github.com/pytorch/pytorch/issues/4741
"""
import torch
from torch import nn


def signals(n):
    kind = torch.randint(0, 3, (n,))
    t = torch.linspace(0, 6.28, 32)
    freq = torch.tensor([1.0, 2.0, 3.0])[kind][:, None]
    wave = torch.sin(freq * t + 6.28 * torch.rand(n, 1)) * (0.5 + torch.rand(n, 1))
    return (40.0 + 25.0 * wave + 5 * torch.randn(n, 32)).unsqueeze(1), kind


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def validate(self, x, y):
        self.model.eval()
        with torch.no_grad():
            out = self.model(x)
            return self.criterion(out, y).item(), (out.argmax(1) == y).float().mean().item()

    def fit(self, x, y, vx, vy, epochs):
        print("before training: loss %.4f acc %.3f" % self.validate(vx, vy))
        for epoch in range(epochs):
            total = 0.0
            for idx in torch.randperm(len(x)).split(32):
                loss = self.criterion(self.model(x[idx]), y[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(idx)
            print("epoch %d train %.4f" % (epoch, total / len(x)), "val loss %.4f acc %.3f" % self.validate(vx, vy))


if __name__ == "__main__":
    torch.manual_seed(8)
    x, y = signals(480)
    vx, vy = signals(200)
    layers = []
    for cin, cout in ((1, 8), (8, 16), (16, 16)):
        layers += [nn.Conv1d(cin, cout, 5, padding=2), nn.BatchNorm1d(cout), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(64, 3))
    Trainer(model).fit(x, y, vx, vy, epochs=8)
