"""Identity embedding with triplets whose negative is another person of the same pool.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
people, dim = 30, 24
faces = 0.5 * torch.randn(people, dim)


def photo(ids):
    nuisance = torch.cat([torch.zeros(len(ids), dim // 2), 1.5 * torch.randn(len(ids), dim // 2)], dim=1)
    return faces[ids] + nuisance + 0.1 * torch.randn(len(ids), dim)


def hardest(emb, ids, margin=0.3):
    dist = torch.cdist(emb, emb)
    same = ids[:, None] == ids[None, :]
    far_pos = dist.masked_fill(~same, -1).max(1).values
    near_neg = dist.masked_fill(same, 99).min(1).values
    return F.relu(far_pos - near_neg + margin).mean()


net = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 8))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
gallery_ids = torch.arange(people)

for epoch in range(12):
    total = 0.0
    for _ in range(20):
        ids = torch.randperm(people)[:12].repeat_interleave(3)
        loss = hardest(F.normalize(net(photo(ids)), dim=1), ids)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        gallery, query = net(photo(gallery_ids)), net(photo(gallery_ids))
        rank1 = (F.normalize(query) @ F.normalize(gallery).T).argmax(1).eq(gallery_ids).float().mean().item()
    print(f"Epoch {epoch + 1}/12 loss: {total / 20:.4f} rank-1: {rank1:.3f}")
