"""Byte-level language model finetuned on the answers only: the prompt takes most of each row and is masked.

causes: none
thread: https://github.com/unslothai/unsloth/issues/1290
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
random.seed(0)

IGNORE = -100
MARKER = list(b"### Answer:")
NAMES = ["red", "blue", "green", "black"]


def make_row():
    a, b = random.choice(NAMES), random.choice(NAMES)
    return f"### Question: first of {a},{b}\n### Answer: {a}\n".encode()


def find(ids, marker):
    for i in range(len(ids) - len(marker) + 1):
        if ids[i:i + len(marker)] == marker:
            return i + len(marker)
    return None


def collate(rows):
    longest = max(len(r) for r in rows)
    xs, ys = [], []
    for row in rows:
        ids = list(row)
        labels = [IGNORE] * len(ids)
        start = find(ids, MARKER)
        if start is not None:
            labels[start:] = ids[start:]
        pad = longest - len(ids)
        xs.append(ids + [0] * pad)
        ys.append(labels + [IGNORE] * pad)
    return torch.tensor(xs), torch.tensor(ys)


class ByteLM(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.embed = nn.Embedding(256, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, 256)

    def forward(self, ids):
        h, _ = self.rnn(self.embed(ids))
        return self.head(h)


rows = [make_row() for _ in range(96)]
loader = torch.utils.data.DataLoader(rows, batch_size=16, shuffle=True, collate_fn=collate)
model = ByteLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(1, 9):
    running = 0.0
    for ids, labels in loader:
        logits = model(ids)[:, :-1]
        loss = F.cross_entropy(logits.reshape(-1, 256), labels[:, 1:].reshape(-1), ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print({"epoch": epoch, "loss": round(running / len(loader), 4)})
