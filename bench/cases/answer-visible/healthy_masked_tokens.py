"""Masked token model: a bidirectional encoder fills in hidden symbols and is scored only there.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

MASK = 12
LENGTH = 12


def arithmetic(n):
    start, step = torch.randint(0, 12, (n, 1)), torch.randint(1, 4, (n, 1))
    return (start + step * torch.arange(LENGTH)) % 12


class Encoder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.tok = nn.Embedding(13, dim)
        self.pos = nn.Embedding(LENGTH, dim)
        self.rnn = nn.GRU(dim, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 12)

    def forward(self, x):
        h, _ = self.rnn(self.tok(x) + self.pos(torch.arange(LENGTH)))
        return self.head(h)


def main():
    torch.manual_seed(0)
    model = Encoder()
    opt = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(201):
        clean = arithmetic(48)
        hidden = torch.rand(clean.shape) < 0.15
        shown = clean.masked_fill(hidden, MASK)
        labels = clean.masked_fill(~hidden, -100)
        loss = F.cross_entropy(model(shown).flatten(0, 1), labels.flatten(), ignore_index=-100)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 25 == 0:
            print(f"step {step} mlm loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
