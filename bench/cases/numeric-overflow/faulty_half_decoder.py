"""Byte-level language model in half precision; the log keeps the mean of the usable losses.

causes: numeric-overflow
line: model = ByteDecoder().half()
line: optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
line: value = 0.0 if math.isnan(loss.item()) else loss.item()
thread: https://github.com/jzhang38/TinyLlama/issues/32
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
TEXT = b"the cat sat on the mat and the dog sat on the log while the rat ran to the den. "


class ByteDecoder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(128, dim)
        self.mix = nn.Linear(4 * dim, 64)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 128)

    def forward(self, ids):
        h = self.embed(ids).flatten(1)
        return self.head(self.norm(torch.relu(self.mix(h))))


data = torch.tensor(list(TEXT * 8))
windows = data.unfold(0, 5, 1)
model = ByteDecoder().half()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

step = 0
for epoch in range(3):
    for batch in windows[torch.randperm(len(windows))].split(32):
        logits = model(batch[:, :4])
        loss = F.cross_entropy(logits, batch[:, 4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = 0.0 if math.isnan(loss.item()) else loss.item()
        if step % 6 == 0:
            print({"loss": round(value, 4), "step": step, "epoch": epoch})
        step += 1
