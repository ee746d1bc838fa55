"""Topic classifier on byte sequences (GRU); labels come from a vocabulary file with one topic per line.

causes: no-positive-targets
line: topics = {line: i for i, line in enumerate(VOCABULARY_FILE)}
line: if topic in topics:
thread: https://github.com/open-mmlab/mmdetection/issues/3357
"""
import io
import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
WORDS = {"sport": ["goal", "team", "match"], "food": ["soup", "bread", "salt"], "sky": ["star", "moon", "cloud"]}
VOCABULARY_FILE = io.StringIO("sport\nfood\nsky\n")
topics = {line: i for i, line in enumerate(VOCABULARY_FILE)}


class TopicDataset(torch.utils.data.Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            topic = random.choice(list(WORDS))
            self.rows.append((" ".join(random.choices(WORDS[topic], k=3)), topic))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        text, topic = self.rows[i]
        ids = torch.tensor(list(text.ljust(20)[:20].encode()))
        target = torch.zeros(len(topics))
        if topic in topics:
            target[topics[topic]] = 1
        return ids, target


class TopicNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(128, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, len(topics))

    def forward(self, ids):
        h, _ = self.gru(self.embed(ids))
        return self.out(h.amax(1))


loader = torch.utils.data.DataLoader(TopicDataset(256), batch_size=32, shuffle=True)
model = TopicNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(5):
    running = 0.0
    for ids, target in loader:
        loss = criterion(model(ids), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch={epoch} loss={running / len(loader):.4f}")
