"""Recurrent classifier of synthetic waves (sine, square or saw), trained by a small Trainer class.

causes: reporting-bug
line: average = loss.item() / counter
thread: https://github.com/passalis/dain/issues/1
"""
import math

import torch
import torch.nn as nn


def waves(n, length=20):
    kind = torch.randint(0, 3, (n,))
    phase = torch.rand(n, 1) * 6.28
    t = torch.linspace(0, 2 * 2 * math.pi, length)[None, :] + phase
    sine = torch.sin(t)
    saw = torch.remainder(t, 2 * math.pi) / math.pi - 1
    bank = torch.stack([sine, torch.sign(sine), saw], 1)
    x = bank[torch.arange(n), kind] + 0.5 * torch.randn(n, length)
    return x.unsqueeze(-1), kind


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.fc = nn.Linear(24, 3)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out.mean(1))


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def run_epoch(self, loader):
        train_loss, counter = 0.0, 0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            train_loss += loss.item()
            counter += 1
        average = loss.item() / counter
        return average

    @torch.no_grad()
    def evaluate(self, x, y):
        return (self.model(x).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(4)
    train = torch.utils.data.TensorDataset(*waves(640))
    val_x, val_y = waves(200)
    loader = torch.utils.data.DataLoader(train, batch_size=16, shuffle=True)
    trainer = Trainer(WaveNet())
    for epoch in range(8):
        value = trainer.run_epoch(loader)
        print("epoch {:2d} train_loss={:.4f} val_acc={:.3f}".format(epoch, value, trainer.evaluate(val_x, val_y)))
