"""Recall a symbol that is shown six steps before the end of a sequence.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.nn import functional as F

LENGTH = 24
SYMBOLS = 4


class Recall(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(SYMBOLS + 6, 16)
        self.rnn = nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, SYMBOLS)

    def forward(self, seq):
        states, _ = self.rnn(self.emb(seq))
        return self.out(states[:, -1])


def batch(size=64):
    seq = torch.randint(SYMBOLS, SYMBOLS + 6, (size, LENGTH))
    symbol = torch.randint(0, SYMBOLS, (size,))
    seq[:, -6] = symbol
    return seq, symbol


torch.manual_seed(12)
net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(7):
    losses, hits = [], 0
    for _ in range(12):
        seq, symbol = batch()
        logits = net(seq)
        loss = F.cross_entropy(logits, symbol)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        hits += (logits.argmax(1) == symbol).sum().item()
    print(f"epoch {epoch} train_loss={sum(losses) / len(losses):.4f} acc={hits / (12 * 64):.3f}")
