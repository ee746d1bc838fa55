"""Frozen byte embedding, checkpointed blocks with trainable adapters; the LM head is tied to the embedding.

causes: graph-cut
line: h = checkpoint(block, h, use_reentrant=True)
line: self.embed.weight.requires_grad = False
thread: https://github.com/huggingface/transformers/issues/26221
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
TEXT = b"the cat sat on the mat and the dog sat on the log while the rat ran to the den. "


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix = nn.Conv1d(dim, dim, 4)
        self.down = nn.Linear(dim, 32)
        self.up = nn.Linear(32, dim)

    def forward(self, h):
        m = self.mix(F.pad(h.transpose(1, 2), (3, 0))).transpose(1, 2)
        return h + m + self.up(torch.relu(self.down(h)))


class ByteModel(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(128, dim)
        self.embed.weight.requires_grad = False
        self.blocks = nn.ModuleList([Block(dim), Block(dim)])
        self.bias = nn.Parameter(torch.zeros(128))

    def forward(self, ids):
        h = self.embed(ids)
        for block in self.blocks:
            h = checkpoint(block, h, use_reentrant=True)
        return F.linear(h, self.embed.weight, self.bias) / 8


data = torch.tensor(list(TEXT * 12))
windows = data.unfold(0, 33, 8)
model = ByteModel()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)

for epoch in range(10):
    total = 0.0
    batches = windows[torch.randperm(len(windows))].split(16)
    for window in batches:
        logits = model(window[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 128), window[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(batches):.4f}")
