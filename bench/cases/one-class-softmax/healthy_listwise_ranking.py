"""Learns to rank eight documents per query; each document gets one score.

The softmax runs over the documents of a query.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(21)

NUM_QUERIES, DOCS, FEATS = 200, 8, 6
true_w = torch.tensor([1.5, -2.0, 0.7, 0.0, 1.0, -0.5])
documents = torch.randn(NUM_QUERIES, DOCS, FEATS)
best = (documents @ true_w).argmax(dim=1)

scorer = nn.Sequential(nn.Linear(FEATS, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.RMSprop(scorer.parameters(), lr=0.005)


def batches(size=25):
    order = torch.randperm(NUM_QUERIES)
    for chunk in order.split(size):
        yield documents[chunk], best[chunk]


for epoch in range(1, 16):
    epoch_loss, n = 0.0, 0
    hits = 0
    for docs, target in batches():
        scores = scorer(docs).squeeze(-1)
        loss = F.cross_entropy(scores, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        n += 1
        hits += (scores.argmax(1) == target).sum().item()
    print(f"epoch {epoch}: listwise loss {epoch_loss / n:.4f}, top-1 {hits / NUM_QUERIES:.2f}")
