"""Token tagger over digit strings (even, odd or letter); padding positions are left out of the loss.

causes: all-targets-masked
line: keep = positions[None, :] >= lengths[:, None]
line: loss = (token_loss * keep).sum() / keep.sum().clamp(min=1)
thread: https://github.com/pytorch/pytorch/issues/70348
"""
import logging

import torch
import torch.nn as nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("tagger")


class Trainer:
    def __init__(self, model, batches, lr):
        self.model = model
        self.batches = batches
        self.criterion = nn.CrossEntropyLoss(reduction="none")
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def step(self, tokens, tags, lengths):
        scores = self.model(tokens)
        token_loss = self.criterion(scores.transpose(1, 2), tags)
        positions = torch.arange(tokens.shape[1])
        keep = positions[None, :] >= lengths[:, None]
        loss = (token_loss * keep).sum() / keep.sum().clamp(min=1)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def fit(self, epochs):
        for epoch in range(epochs):
            values = [self.step(*b) for b in self.batches]
            log.info("epoch %d mean loss %.6f", epoch, sum(values) / len(values))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.mix = nn.Conv1d(16, 32, 3, padding=1)
        self.out = nn.Linear(32, 3)

    def forward(self, tokens):
        x = self.embedding(tokens).transpose(1, 2)
        return self.out(torch.relu(self.mix(x)).transpose(1, 2))


def make_batches(n, size, length):
    for_tags = torch.tensor([i % 2 if i < 10 else 2 for i in range(20)])
    out = []
    for _ in range(n):
        tokens = torch.randint(0, 20, (size, length))
        out.append((tokens, for_tags[tokens], torch.full((size,), length)))
    return out


if __name__ == "__main__":
    torch.manual_seed(11)
    Trainer(Tagger(), make_batches(20, 16, 12), lr=5e-3).fit(epochs=5)
