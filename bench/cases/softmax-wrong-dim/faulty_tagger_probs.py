"""Vowel / consonant / space / digit tagging of characters with a GRU, probabilities out.

causes: softmax-wrong-dim
line: return F.softmax(self.out(h))
line: loss = -torch.log(picked + 1e-9).mean()
thread: https://github.com/pytorch/pytorch/pull/37399
"""
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
ALPHABET = "abcdefghijklmnopqrstuvwxyz 0123456789"
TAG = torch.tensor([0 if c in "aeiou" else 2 if c == " " else 3 if c.isdigit() else 1 for c in ALPHABET])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(ALPHABET), 12)
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.out = nn.Linear(24, 4)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return F.softmax(self.out(h))


corpus = torch.randint(0, len(ALPHABET), (320, 20))
tags = TAG[corpus]
model = Tagger()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(12):
    losses, hits = [], 0
    for start in range(0, len(corpus), 16):
        ids, gold = corpus[start:start + 16], tags[start:start + 16]
        probs = model(ids)
        picked = probs.gather(2, gold.unsqueeze(-1)).squeeze(-1)
        loss = -torch.log(picked + 1e-9).mean()
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
        hits += (probs.argmax(-1) == gold).sum().item()
    print(f"epoch {epoch} train_loss={sum(losses) / len(losses):.4f} acc={hits / corpus.numel():.3f}")
