"""Metric learning on the digits: a random positive and the nearest negative of the batch, retrieval score.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12))

    def forward(self, x):
        return F.normalize(self.body(x), dim=1)


def mine(z, labels):
    distance = torch.cdist(z, z)
    same = labels[:, None] == labels[None]
    positive = torch.multinomial((same & ~torch.eye(len(z), dtype=torch.bool)).float() + 1e-9, 1).squeeze(1)
    negative = (distance + 10 * same.float()).argmin(1)
    return positive, negative


def main():
    torch.manual_seed(2)
    digits = load_digits()
    x, y = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    net = Embedder()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    triplet = nn.TripletMarginLoss(margin=0.2)
    for epoch in range(12):
        total = 0.0
        chunks = torch.randperm(1400).split(70)
        for idx in chunks:
            z = net(x[idx])
            pos, neg = mine(z.detach(), y[idx])
            loss = triplet(z, z[pos], z[neg])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            nearest = torch.cdist(net(x[1400:]), net(x[:1400])).argmin(1)
            recall = (y[nearest] == y[1400:]).float().mean().item()
        print(f"epoch {epoch:2d} triplet {total / len(chunks):.4f} recall@1 {recall:.3f}")


if __name__ == "__main__":
    main()
