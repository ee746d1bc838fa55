"""Star rating (1 to 3) of generated reviews, read byte by byte with a GRU.

causes: no-signal
line: stars = rng.randrange(3)
thread: own
"""
import logging
import random

import torch
import torch.nn as nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

WORDS = ["good", "bad", "fine", "slow", "fast", "cheap", "nice", "poor", "the", "it", "was", "very"]
LENGTH = 28


def write_reviews(count, rng):
    rows = []
    for _ in range(count):
        text = " ".join(rng.choice(WORDS) for _ in range(6))
        stars = rng.randrange(3)
        rows.append((text, stars))
    return rows


def encode(rows):
    ids = torch.zeros(len(rows), LENGTH, dtype=torch.long)
    for i, (text, _) in enumerate(rows):
        data = list(text.encode("ascii"))[:LENGTH]
        ids[i, :len(data)] = torch.tensor(data)
    return ids, torch.tensor([stars for _, stars in rows])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(128, 8)
        self.gru = nn.GRU(8, 12, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, ids):
        _, h = self.gru(self.emb(ids))
        return self.head(h[-1])


torch.manual_seed(0)
rng = random.Random(0)
ids, stars = encode(write_reviews(1200, rng))
model = Reader()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

for epoch in range(1, 7):
    perm = torch.randperm(len(ids))
    total = 0.0
    for idx in perm.split(50):
        loss = criterion(model(ids[idx]), stars[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() * len(idx)
    logging.info("epoch %d loss %.4f", epoch, total / len(ids))
