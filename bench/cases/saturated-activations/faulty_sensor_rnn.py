"""Recognises rising or falling sensor traces with a recurrent network.

Readings are pressures in hectopascal, about a thousand.

causes: saturated-activations
line: seq = 1000.0 + trend.cumsum(1) + torch.randn(n, steps)
line: out, _ = self.rnn(x)
thread: own
"""
import torch
import torch.nn as nn


class TrendRNN(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.RNN(input_size=1, hidden_size=hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


def make_traces(n, steps=12):
    label = torch.randint(0, 2, (n,))
    slope = torch.where(label == 1, 1.0, -1.0) * (1.0 + torch.rand(n))
    trend = slope.unsqueeze(1).expand(n, steps)
    seq = 1000.0 + trend.cumsum(1) + torch.randn(n, steps)
    return seq.unsqueeze(-1), label


class Trainer:
    def __init__(self, model, lr=2e-3):
        self.model = model
        self.loss_fn = nn.CrossEntropyLoss()
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr)

    def epoch(self, x, y, batch=32):
        total = 0.0
        for idx in torch.randperm(len(x)).split(batch):
            loss = self.loss_fn(self.model(x[idx]), y[idx])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total += loss.item() * len(idx)
        return total / len(x)

    @torch.no_grad()
    def score(self, x, y):
        return (self.model(x).argmax(1) == y).float().mean().item()


torch.manual_seed(30)
x_train, y_train = make_traces(384)
x_test, y_test = make_traces(128)
trainer = Trainer(TrendRNN())
for e in range(12):
    loss = trainer.epoch(x_train, y_train)
    print(f"[{e + 1:02d}] loss {loss:.4f} | test acc {trainer.score(x_test, y_test):.3f}")
