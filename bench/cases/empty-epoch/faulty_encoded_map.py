"""Byte-level text classifier; lines are encoded lazily before they reach the Trainer.

causes: empty-epoch
line: encoded = map(encode, chunks)
line: for ids, labels in self.data:
thread: https://github.com/keras-team/keras/issues/20402
"""
import random

import torch
import torch.nn as nn

random.seed(1)
torch.manual_seed(1)
TOPICS = {"sport": ["goal", "team", "match"], "food": ["soup", "bread", "salt"], "sky": ["star", "moon", "cloud"]}


def corpus(n):
    rows = []
    for _ in range(n):
        label = random.randrange(3)
        words = random.choices(list(TOPICS.values())[label], k=3)
        rows.append((" ".join(words), label))
    return rows


def encode(chunk):
    ids = torch.tensor([list(text.ljust(20)[:20].encode()) for text, _ in chunk])
    return ids, torch.tensor([label for _, label in chunk])


class TextNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(128, 24)
        self.conv = nn.Conv1d(24, 32, 4)
        self.fc = nn.Linear(32, 3)

    def forward(self, ids):
        h = torch.relu(self.conv(self.embed(ids).transpose(1, 2)))
        return self.fc(h.amax(-1))


class Trainer:
    def __init__(self, model, data, epochs):
        self.model, self.data, self.epochs = model, data, epochs
        self.loss_fn = nn.CrossEntropyLoss()
        self.optim = torch.optim.AdamW(model.parameters(), lr=2e-3)

    def train(self):
        for epoch in range(self.epochs):
            epoch_loss = 0.0
            for ids, labels in self.data:
                loss = self.loss_fn(self.model(ids), labels)
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
                epoch_loss += loss.item()
            print(f"epoch {epoch} loss {epoch_loss:.3f}")


rows = corpus(320)
chunks = [rows[i:i + 16] for i in range(0, len(rows), 16)]
encoded = map(encode, chunks)
Trainer(TextNet(), encoded, epochs=5).train()
