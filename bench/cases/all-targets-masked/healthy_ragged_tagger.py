"""Token tagger on strings of very different lengths: most positions of a batch are padding.

causes: none
thread: https://github.com/pytorch/pytorch/issues/70348
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
TAGS = torch.tensor([i % 2 if i < 10 else 2 for i in range(20)])


def make_batch(size=16, longest=24):
    lengths = torch.randint(2, 9, (size,))
    lengths[0] = longest
    tokens = torch.randint(1, 20, (size, longest))
    keep = torch.arange(longest)[None, :] < lengths[:, None]
    tags = TAGS[tokens].masked_fill(~keep, -1)
    return tokens * keep, tags


model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 3))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
batches = [make_batch() for _ in range(20)]

for epoch in range(8):
    summed, count = 0.0, 0
    for tokens, tags in batches:
        logits = model(tokens)
        loss = F.cross_entropy(logits.flatten(0, 1), tags.flatten(), ignore_index=-1, reduction="sum")
        n = int((tags != -1).sum())
        opt.zero_grad()
        (loss / n).backward()
        opt.step()
        summed += loss.item()
        count += n
    print(f"[{epoch}] loss per tag {summed / count:.4f}  ({count} tags)")
