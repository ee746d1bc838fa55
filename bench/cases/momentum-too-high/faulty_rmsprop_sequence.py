"""Which of two symbol groups is more frequent in a string; GRU with RMSprop.

causes: momentum-too-high
line: self.opt = torch.optim.RMSprop(model.parameters(), lr=2e-3, momentum=0.99)
thread: textbook
"""
import torch
from torch import nn


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 12)
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        h, _ = self.rnn(self.emb(x))
        return self.out(h[:, -1])


class Trainer:
    def __init__(self, model):
        self.model = model
        self.loss_fn = nn.CrossEntropyLoss()
        self.opt = torch.optim.RMSprop(model.parameters(), lr=2e-3, momentum=0.99)

    def run_epoch(self, x, y):
        total, hits = 0.0, 0
        for idx in torch.randperm(len(x)).split(32):
            out = self.model(x[idx])
            loss = self.loss_fn(out, y[idx])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total += loss.item() * len(idx)
            hits += (out.argmax(1) == y[idx]).sum().item()
        return total / len(x), hits / len(x)


if __name__ == "__main__":
    torch.manual_seed(2)
    x = torch.randint(0, 20, (512, 12))
    low, high = (x < 7).sum(1), (x > 12).sum(1)
    y = 1 + torch.sign(low - high)
    trainer = Trainer(Counter())
    for epoch in range(15):
        print("epoch %d train_loss=%.4f acc=%.3f" % (epoch, *trainer.run_epoch(x, y)))
