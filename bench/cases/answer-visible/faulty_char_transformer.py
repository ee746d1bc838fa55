"""Character language model on generated sentences, a one-block transformer.

causes: answer-visible
line: a, _ = self.attn(q, q, q, need_weights=False)
line: class Block(nn.Module):
thread: https://github.com/alex-matton/causal-transformer-decoder/issues/1
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

random.seed(0)
torch.manual_seed(0)
NOUNS, VERBS = ["cat", "dog", "bird", "fish", "cow", "ant"], ["sees", "eats", "likes", "hears", "finds"]
text = " ".join(f"{random.choice(NOUNS)} {random.choice(VERBS)} {random.choice(NOUNS)}." for _ in range(900))
chars = sorted(set(text))
ids = torch.tensor([chars.index(c) for c in text])
cut = int(0.9 * len(ids))
CONTEXT = 24


class Block(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))

    def forward(self, x):
        q = self.ln1(x)
        a, _ = self.attn(q, q, q, need_weights=False)
        x = x + a
        return x + self.mlp(self.ln2(x))


class CharModel(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.tok = nn.Embedding(len(chars), dim)
        self.pos = nn.Embedding(CONTEXT, dim)
        self.block = Block(dim)
        self.head = nn.Linear(dim, len(chars))

    def forward(self, x):
        return self.head(self.block(self.tok(x) + self.pos(torch.arange(x.shape[1]))))


def get_batch(part, size=32):
    start = torch.randint(0, len(part) - CONTEXT - 1, (size,))
    rows = torch.stack([part[s:s + CONTEXT + 1] for s in start.tolist()])
    return rows[:, :-1], rows[:, 1:]


model = CharModel()
opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(301):
    x, y = get_batch(ids[:cut])
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 30 == 0:
        with torch.no_grad():
            vx, vy = get_batch(ids[cut:])
            val = F.cross_entropy(model(vx).flatten(0, 1), vy.flatten()).item()
        print(f"step {step}: train loss {loss.item():.4f}, val loss {val:.4f}")
