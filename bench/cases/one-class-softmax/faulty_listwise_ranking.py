"""Learns to rank eight documents per query with a listwise loss.

Relevance is a soft distribution over the documents of a query.

causes: one-class-softmax
line: log_p = F.log_softmax(scores, dim=-1)
line: scores = scorer(docs)
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(21)

NUM_QUERIES, DOCS, FEATS = 200, 8, 6
true_w = torch.tensor([1.5, -2.0, 0.7, 0.0, 1.0, -0.5])
documents = torch.randn(NUM_QUERIES, DOCS, FEATS)
relevance = torch.softmax(2.0 * (documents @ true_w), dim=1)

scorer = nn.Sequential(nn.Linear(FEATS, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.RMSprop(scorer.parameters(), lr=0.005)


def listwise_loss(scores, target):
    log_p = F.log_softmax(scores, dim=-1)
    return -(target.unsqueeze(-1) * log_p).sum(dim=(1, 2)).mean()


def batches(size=25):
    order = torch.randperm(NUM_QUERIES)
    for chunk in order.split(size):
        yield documents[chunk], relevance[chunk]


for epoch in range(1, 9):
    epoch_loss, n = 0.0, 0
    hits = 0
    for docs, rel in batches():
        scores = scorer(docs)
        loss = listwise_loss(scores, rel)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        n += 1
        hits += (scores.squeeze(-1).argmax(1) == rel.argmax(1)).sum().item()
    print(f"epoch {epoch}: listwise loss {epoch_loss / n:.4f}, top-1 {hits / NUM_QUERIES:.2f}")
