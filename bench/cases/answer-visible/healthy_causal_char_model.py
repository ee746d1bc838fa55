"""Character language model on generated sentences, one attention block that looks back only.

causes: none
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


class CharModel(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.tok = nn.Embedding(len(chars), dim)
        self.pos = nn.Embedding(CONTEXT, dim)
        self.block = nn.TransformerEncoderLayer(dim, 2, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(dim, len(chars))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT))

    def forward(self, x):
        h = self.tok(x) + self.pos(torch.arange(x.shape[1]))
        return self.head(self.block(h, src_mask=self.mask, is_causal=True))


def get_batch(part, size=32):
    start = torch.randint(0, len(part) - CONTEXT - 1, (size,))
    rows = torch.stack([part[s:s + CONTEXT + 1] for s in start.tolist()])
    return rows[:, :-1], rows[:, 1:]


model = CharModel()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
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
