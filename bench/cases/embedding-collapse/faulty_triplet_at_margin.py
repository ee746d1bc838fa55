"""Re-identification embedding, batch-hard mining on squared distances.

causes: embedding-collapse
line: return F.relu(far_pos - near_neg + margin).mean()
line: loss = batch_hard(net(x), ids)
line: near_neg = dist.masked_fill(same, 1e9).min(1).values
thread: https://github.com/omoindrot/tensorflow-triplet-loss/issues/6
"""
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
people, dim = 40, 24
centres = 0.6 * torch.randn(people, dim)


def gallery(per_id=4, ids_per_batch=12):
    ids = torch.randperm(people)[:ids_per_batch].repeat_interleave(per_id)
    return centres[ids] + torch.randn(len(ids), dim), ids


def batch_hard(emb, ids, margin=0.5):
    dist = (emb[:, None] - emb[None, :]).pow(2).sum(-1)
    same = ids[:, None] == ids[None, :]
    far_pos = dist.masked_fill(~same, -1).max(1).values
    near_neg = dist.masked_fill(same, 1e9).min(1).values
    return F.relu(far_pos - near_neg + margin).mean()


net = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, 16))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(1, 11):
    total = 0.0
    for _ in range(30):
        x, ids = gallery()
        loss = batch_hard(net(x), ids)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    print("[%02d] triplet loss %.4f" % (epoch, total / 30))
