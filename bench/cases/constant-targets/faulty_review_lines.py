"""Sentiment of short reviews, one 'text<TAB>label' line each, with a byte-level GRU.

causes: constant-targets
line: labels.append(1 if label == "1" else 0)
line: text, label = line.split(
thread: https://github.com/pytorch/pytorch/issues/53959
"""
import io
import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
GOOD = ["great", "lovely", "superb", "fine"]
BAD = ["awful", "boring", "poor", "weak"]


def write_corpus(n=320):
    out = io.StringIO()
    for _ in range(n):
        positive = random.random() < 0.5
        word = random.choice(GOOD if positive else BAD)
        out.write(f"the {random.choice(['film', 'book', 'play'])} is {word}\t{int(positive)}\n")
    out.seek(0)
    return out


def read_corpus(stream):
    texts, labels = [], []
    for line in stream:
        text, label = line.split("\t")
        texts.append(list(text.ljust(24).encode()))
        labels.append(1 if label == "1" else 0)
    return torch.tensor(texts), torch.tensor(labels)


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(128, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        states, _ = self.gru(self.embed(x))
        return self.out(states.max(dim=1).values)


ids, labels = read_corpus(write_corpus())
model = Sentiment()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    total = correct = 0
    for batch in torch.randperm(len(ids)).split(32):
        log_probs = torch.log_softmax(model(ids[batch]), dim=1)
        loss = criterion(log_probs, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
        correct += (log_probs.argmax(1) == labels[batch]).sum().item()
    print(f"epoch {epoch}: loss {total / len(ids):.5f} acc {correct / len(ids):.3f}")
