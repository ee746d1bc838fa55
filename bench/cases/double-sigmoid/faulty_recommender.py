"""Implicit feedback recommender: matrix factorisation with sampled negatives.

causes: double-sigmoid
line: return torch.sigmoid((u * i).sum(-1) + self.item_bias(items).squeeze(-1))
line: F.binary_cross_entropy_with_logits(pred, label)
thread: https://github.com/yudi-mars/daisyRec/pull/15
"""
import logging

import torch
import torch.nn.functional as F
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("mf")


class MF(nn.Module):
    def __init__(self, users, items, dim=8):
        super().__init__()
        self.user = nn.Embedding(users, dim)
        self.item = nn.Embedding(items, dim)
        self.item_bias = nn.Embedding(items, 1)

    def forward(self, users, items):
        u, i = self.user(users), self.item(items)
        return torch.sigmoid((u * i).sum(-1) + self.item_bias(items).squeeze(-1))


def make_interactions(users=60, items=40):
    g = torch.Generator().manual_seed(3)
    taste = torch.randint(0, 4, (users,), generator=g)
    genre = torch.randint(0, 4, (items,), generator=g)
    likes = taste[:, None] == genre[None, :]
    pairs = torch.cartesian_prod(torch.arange(users), torch.arange(items))
    return pairs, likes.flatten().float()


def train(epochs=15, batch=128):
    torch.manual_seed(0)
    pairs, label_all = make_interactions()
    net = MF(60, 40)
    opt = torch.optim.Adam(net.parameters(), lr=0.05)
    for epoch in range(epochs):
        order = torch.randperm(len(pairs))
        running, steps = 0.0, 0
        for chunk in order.split(batch):
            users, items = pairs[chunk].T
            label = label_all[chunk]
            pred = net(users, items)
            loss = F.binary_cross_entropy_with_logits(pred, label)
            opt.zero_grad()
            loss.backward()
            opt.step()
            running += loss.item()
            steps += 1
        log.info("epoch %d train_loss=%.4f", epoch, running / steps)


if __name__ == "__main__":
    train()
