"""Recurrent gesture classifier (five motions on two sensor channels) with squashed scores.

causes: softmax-before-cross-entropy
line: return torch.sigmoid(self.score(last[0]))
line: loss = self.criterion(self.net(x), y)
thread: https://github.com/eriklindernoren/PyTorch-YOLOv3/issues/108
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def gestures(n, length=16):
    kind = torch.randint(0, 5, (n,))
    t = torch.linspace(0, 1, length)
    speed = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])[kind]
    path = speed[:, None, :] * t[None, :, None]
    return path + 0.1 * torch.randn(n, length, 2), kind


class GestureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 32, batch_first=True)
        self.score = nn.Linear(32, 5)

    def forward(self, x):
        _, last = self.rnn(x)
        return torch.sigmoid(self.score(last[0]))


class Trainer:
    def __init__(self, net, lr=5e-3):
        self.net = net
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.RMSprop(net.parameters(), lr=lr)

    def epoch(self, loader):
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.net(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)


torch.manual_seed(0)
loader = DataLoader(TensorDataset(*gestures(400)), batch_size=25, shuffle=True)
trainer = Trainer(GestureNet())
for e in range(12):
    print(f"[epoch {e}] loss={trainer.epoch(loader):.4f}")
