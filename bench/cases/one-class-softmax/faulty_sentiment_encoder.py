"""Sentiment of short token sequences with a one-layer transformer encoder.

A label near 1 is positive, near 0 negative; the head follows the config.

causes: one-class-softmax
line: return logits, self.loss_fct(logits, labels)
line: num_labels=1,
line: self.score = nn.Linear(cfg.dim, cfg.num_labels)
thread: https://github.com/huggingface/transformers/issues/45479
"""
import logging
from types import SimpleNamespace

import torch
import torch.nn as nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("sentiment")

config = SimpleNamespace(
    vocab=40,
    dim=24,
    seq_len=12,
    num_labels=1,
)


class SequenceClassifier(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(cfg.vocab, cfg.dim)
        self.pos = nn.Parameter(0.02 * torch.randn(cfg.seq_len, cfg.dim))
        self.encoder = nn.TransformerEncoderLayer(cfg.dim, 2, 48, dropout=0.0, batch_first=True)
        self.score = nn.Linear(cfg.dim, cfg.num_labels)
        self.loss_fct = nn.CrossEntropyLoss()

    def forward(self, ids, labels):
        h = self.encoder(self.embed(ids) + self.pos)
        logits = self.score(h.mean(dim=1))
        return logits, self.loss_fct(logits, labels)


class Trainer:
    def __init__(self, model, lr, batch_size):
        self.model = model
        self.batch_size = batch_size
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def fit(self, ids, labels, epochs):
        for epoch in range(epochs):
            perm = torch.randperm(len(ids))
            losses = []
            for start in range(0, len(ids), self.batch_size):
                idx = perm[start:start + self.batch_size]
                _, loss = self.model(ids[idx], labels[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            log.info("{'epoch': %d, 'loss': %.4f}", epoch + 1, sum(losses) / len(losses))


torch.manual_seed(7)
ids = torch.randint(0, config.vocab, (512, config.seq_len))
positive_words = (ids < 20).float().mean(dim=1, keepdim=True)
labels = (positive_words > 0.5).float()

trainer = Trainer(SequenceClassifier(config), lr=1e-3, batch_size=32)
trainer.fit(ids, labels, epochs=4)
