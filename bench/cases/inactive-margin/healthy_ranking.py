"""Learning to rank query and document pairs with a margin on the score difference.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Ranker(nn.Module):
    def __init__(self, dim=12):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(3 * dim, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, q, d):
        return self.score(torch.cat([q, d, q * d], dim=1)).squeeze(1)


def make_pairs(n, dim=12):
    q = torch.randn(n, dim)
    return q, q + 1.5 * torch.randn(n, dim), 1.8 * torch.randn(n, dim)


def main():
    torch.manual_seed(3)
    q, good, bad = make_pairs(960)
    vq, vgood, vbad = make_pairs(300)
    ranker = Ranker()
    opt = torch.optim.AdamW(ranker.parameters(), lr=3e-3)
    for epoch in range(15):
        losses = []
        for idx in torch.randperm(960).split(32):
            pos, neg = ranker(q[idx], good[idx]), ranker(q[idx], bad[idx])
            loss = F.margin_ranking_loss(pos, neg, torch.ones_like(pos), margin=1.0)
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        with torch.no_grad():
            order = (ranker(vq, vgood) > ranker(vq, vbad)).float().mean().item()
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} pairs in order {order:.3f}")


if __name__ == "__main__":
    main()
