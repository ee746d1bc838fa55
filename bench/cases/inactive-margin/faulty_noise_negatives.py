"""Identity embedding with triplets: anchor and positive from one person, negative from the background pool.

causes: inactive-margin
line: n = background[torch.randint(0, len(background), (batch,))]
line: criterion = nn.TripletMarginLoss(margin=0.3)
thread: https://github.com/omoindrot/tensorflow-triplet-loss/issues/25
"""
import torch
from torch import nn

torch.manual_seed(0)
people, dim = 30, 24
faces = 0.5 * torch.randn(people, dim) + 1.0
background = -4.0 + 2.0 * torch.randn(300, dim)


def photo(ids):
    return faces[ids] + 0.45 * torch.randn(len(ids), dim)


def triplets(batch=32):
    ids = torch.randint(0, people, (batch,))
    n = background[torch.randint(0, len(background), (batch,))]
    return photo(ids), photo(ids), n


net = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 8))
criterion = nn.TripletMarginLoss(margin=0.3)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
gallery_ids = torch.arange(people)

for epoch in range(10):
    total = 0.0
    for _ in range(20):
        a, p, n = triplets()
        loss = criterion(net(a), net(p), net(n))
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        gallery, query = net(photo(gallery_ids)), net(photo(gallery_ids))
        rank1 = (torch.cdist(query, gallery).argmin(1) == gallery_ids).float().mean().item()
    print(f"Epoch {epoch + 1}/10 loss: {total / 20:.4f} rank-1: {rank1:.3f}")
