"""Recall the first symbol of a long sequence with an Elman network.

causes: vanishing-gradient
line: self.rnn = nn.RNN(16, 24, batch_first=True)
line: LENGTH = 60
thread: textbook
"""
import torch
from torch import nn
from torch.nn import functional as F

LENGTH = 60
SYMBOLS = 4


class Recall(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(SYMBOLS + 6, 16)
        self.rnn = nn.RNN(16, 24, batch_first=True)
        self.out = nn.Linear(24, SYMBOLS)

    def forward(self, seq):
        states, _ = self.rnn(self.emb(seq))
        return self.out(states[:, -1])


def batches(count, size=32):
    for _ in range(count):
        seq = torch.randint(SYMBOLS, SYMBOLS + 6, (size, LENGTH))
        first = torch.randint(0, SYMBOLS, (size,))
        seq[:, 0] = first
        yield seq, first


torch.manual_seed(12)
net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    losses, hits = [], 0
    for seq, first in batches(12):
        logits = net(seq)
        loss = F.cross_entropy(logits, first)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        hits += (logits.argmax(1) == first).sum().item()
    print(f"epoch {epoch} train_loss={sum(losses) / len(losses):.4f} acc={hits / (12 * 32):.3f}")
