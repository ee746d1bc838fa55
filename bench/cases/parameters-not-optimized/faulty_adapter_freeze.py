"""Low-rank adapters on a frozen text classifier; the head is new.

causes: parameters-not-optimized
line: optimizer = torch.optim.AdamW((p for n, p in model.named_parameters() if ".base" not in n and "block" in n), lr=5e-3)
thread: https://github.com/zjunlp/HVPNeT/issues/5
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Adapted(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


class Classifier(nn.Module):
    def __init__(self, vocabulary=50, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width).requires_grad_(False)
        self.block = Adapted(nn.Linear(width, width))
        self.head = nn.Linear(width, 3)

    def forward(self, tokens):
        return self.head(F.gelu(self.block(self.embed(tokens).mean(1))))


torch.manual_seed(0)
tokens = torch.randint(0, 50, (600, 12))
labels = ((tokens < 10).sum(1) + 1).clamp(1, 3) - 1
model = Classifier()
optimizer = torch.optim.AdamW((p for n, p in model.named_parameters() if ".base" not in n and "block" in n), lr=5e-3)
for epoch in range(6):
    for rows in torch.randperm(600).split(40):
        loss = F.cross_entropy(model(tokens[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
