"""Review classifier with an own learning rate for the embedding and for the rest of the network.

causes: parameters-not-optimized
line: parts = [name.split(".")[-1] for name, _ in model.named_parameters()]
line: if part in ("embed", "encoder", "fc"):
line: optimizer = build_optimizer(model)
thread: https://github.com/zjunlp/HVPNeT/issues/5
"""
import random

import torch
import torch.nn as nn

random.seed(0)
torch.manual_seed(0)


class Reviewer(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.embed = nn.Embedding(128, 16)
        self.encoder = nn.GRU(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 2)

    def forward(self, ids):
        h, _ = self.encoder(self.embed(ids))
        return self.scale * self.fc(h.mean(1))


def build_optimizer(model):
    parts = [name.split(".")[-1] for name, _ in model.named_parameters()]
    slow, fast = [], []
    for part, p in zip(parts, model.parameters()):
        if part in ("embed", "encoder", "fc"):
            fast.append(p)
        elif part == "scale":
            slow.append(p)
    return torch.optim.AdamW([{"params": slow, "lr": 1e-4}, {"params": fast, "lr": 3e-3}], weight_decay=0.01)


def reviews(n):
    good, bad = ["great", "lovely", "superb"], ["awful", "boring", "weak"]
    labels = [random.randrange(2) for _ in range(n)]
    texts = [f"the film was {random.choice(good if y else bad)}" for y in labels]
    return torch.tensor([list(t.ljust(20).encode()) for t in texts]), torch.tensor(labels)


ids, labels = reviews(320)
model = Reviewer()
optimizer = build_optimizer(model)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    total = 0.0
    for batch in torch.randperm(320).split(32):
        loss = criterion(model(ids[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} train_loss={total / 10:.4f}")
