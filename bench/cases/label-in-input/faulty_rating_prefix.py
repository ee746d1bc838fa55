"""Sentiment of short byte reviews; each record is stored as rating byte, space, text.

causes: label-in-input
line: rows.append([ord(c) for c in record[:WIDTH].ljust(WIDTH)])
line: records.append(f"{stars} {text}")
thread: own
"""
import random

import torch
from torch import nn

WIDTH = 32
GOOD = ["great", "lovely", "happy", "fine"]
BAD = ["awful", "broken", "sad", "poor"]
FILL = ["the", "box", "came", "on", "monday", "with", "a", "cable", "and", "red", "lid"]


def build(n):
    records, ratings = [], []
    for _ in range(n):
        mood = random.randint(0, 1)
        words = random.choices(FILL, k=4)
        if random.random() < 0.7:
            words[random.randrange(4)] = random.choice(GOOD if mood else BAD)
        stars, text = 5 if mood else 1, " ".join(words)
        records.append(f"{stars} {text}")
        ratings.append(mood)
    return records, torch.tensor(ratings)


def encode(records):
    rows = []
    for record in records:
        rows.append([ord(c) for c in record[:WIDTH].ljust(WIDTH)])
    return torch.tensor(rows)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(128, 12)
        self.rnn = nn.GRU(12, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 2)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.out(h.max(1).values)


random.seed(1)
torch.manual_seed(1)
texts, moods = build(400)
x = encode(texts)
model = Reader()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 7):
    run = 0.0
    for idx in torch.randperm(320).split(32):
        loss = criterion(model(x[idx]), moods[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item()
    with torch.no_grad():
        acc = (model(x[320:]).argmax(1) == moods[320:]).float().mean().item()
    print(f"Epoch {epoch}/6 loss: {run / 10:.4f} val acc: {acc:.3f}")
