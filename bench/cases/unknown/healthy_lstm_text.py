"""Word model over a made grammar: LSTM with the state carried from window to window, perplexity at the end.

causes: none
thread: own
"""
import math
import random

import torch
import torch.nn as nn

random.seed(5)
torch.manual_seed(5)
NOUNS, VERBS, ADJECTIVES = "cat dog bird fox".split(), "sees likes follows".split(), "old red tiny".split()


def sentence():
    def phrase():
        return ["the"] + ([random.choice(ADJECTIVES)] if random.random() < 0.5 else []) + [random.choice(NOUNS)]
    return phrase() + [random.choice(VERBS)] + phrase() + ["."]


words = [w for _ in range(900) for w in sentence()]
vocab = {w: i for i, w in enumerate(sorted(set(words)))}
stream = torch.tensor([vocab[w] for w in words])
train, test = stream[:5600], stream[5600:]


class LanguageModel(nn.Module):
    def __init__(self, size, dim=32):
        super().__init__()
        self.embed = nn.Embedding(size, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, size)

    def forward(self, ids, state=None):
        h, state = self.lstm(self.embed(ids), state)
        return self.head(h), state


model = LanguageModel(len(vocab))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()


def windows(ids, rows=16, span=20):
    grid = ids[:len(ids) // rows * rows].view(rows, -1)
    for i in range(0, grid.shape[1] - 1, span):
        chunk = grid[:, i:i + span + 1]
        if chunk.shape[1] > 1:
            yield chunk[:, :-1], chunk[:, 1:]


for epoch in range(8):
    state, total, n = None, 0.0, 0
    for inputs, targets in windows(train):
        logits, state = model(inputs, state)
        state = tuple(s.detach() for s in state)
        loss = criterion(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total, n = total + loss.item(), n + 1
    with torch.no_grad():
        held = [criterion(model(a)[0].flatten(0, 1), b.flatten()).item() for a, b in windows(test, rows=4)]
    print(f"epoch {epoch} | loss {total / n:.3f} | test ppl {math.exp(sum(held) / len(held)):.2f}")
