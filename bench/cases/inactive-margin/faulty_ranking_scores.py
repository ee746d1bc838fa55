"""Learning to rank: the relevant document must be scored above the irrelevant one.

causes: inactive-margin
line: return self.score(torch.cat([q, d, q * d], dim=1)).squeeze(1) + PRIOR_WEIGHT * bm25
line: loss = F.margin_ranking_loss(pos, neg, torch.ones_like(pos), margin=0.1)
line: PRIOR_WEIGHT = 10.0
thread: https://github.com/HanjiangHu/DASGIL/issues/7
"""
import logging

import torch
import torch.nn as nn
import torch.nn.functional as F

logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
PRIOR_WEIGHT = 10.0


class Ranker(nn.Module):
    def __init__(self, dim=12):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(3 * dim, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, q, d, bm25):
        return self.score(torch.cat([q, d, q * d], dim=1)).squeeze(1) + PRIOR_WEIGHT * bm25


def make_pairs(n, dim=12):
    q = torch.randn(n, dim)
    good, bad = q + 0.8 * torch.randn(n, dim), torch.randn(n, dim)
    bm_good = 2.0 + torch.rand(n)
    bm_bad = torch.rand(n)
    return q, good, bad, bm_good, bm_bad


def train(epochs=8):
    torch.manual_seed(3)
    data = make_pairs(640)
    hard_q, hard_good, hard_bad, _, _ = make_pairs(300)
    ranker = Ranker()
    opt = torch.optim.AdamW(ranker.parameters(), lr=2e-3)
    for epoch in range(epochs):
        losses = []
        for idx in torch.randperm(640).split(32):
            q, good, bad, bg, bb = (v[idx] for v in data)
            pos, neg = ranker(q, good, bg), ranker(q, bad, bb)
            loss = F.margin_ranking_loss(pos, neg, torch.ones_like(pos), margin=0.1)
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        with torch.no_grad():
            same = torch.zeros(300)
            order = (ranker(hard_q, hard_good, same) > ranker(hard_q, hard_bad, same)).float().mean().item()
        logging.info("epoch %d loss %.4f, pairs in order at equal bm25 %.3f", epoch, sum(losses) / len(losses), order)


if __name__ == "__main__":
    train()
