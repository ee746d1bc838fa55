"""Transformer that counts up from a given number and stops at a multiple of seven; loss weighted by a mask.

causes: eos-masked
line: loss_mask = (target != pad_id).float()
line: return (token_loss * loss_mask).sum() / loss_mask.sum()
line: pad_id = eos_id
thread: https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4660
"""
import torch
from torch import nn
import torch.nn.functional as F

eos_id = 40
pad_id = eos_id


def counting(n, limit=40):
    rows = torch.full((n, 10), pad_id)
    for i, start in enumerate(torch.randint(1, limit - 8, (n,)).tolist()):
        stop = (start // 7 + 1) * 7
        numbers = list(range(start, stop + 1)) + [eos_id]
        rows[i, :len(numbers)] = torch.tensor(numbers)
    return rows


class Counter(nn.Module):
    def __init__(self, vocab=41, dim=32):
        super().__init__()
        self.token = nn.Embedding(vocab, dim)
        self.place = nn.Parameter(0.02 * torch.randn(10, dim))
        self.block = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        size = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(size)
        return self.head(self.block(self.token(ids) + self.place[:size], src_mask=mask, is_causal=True))


def masked_loss(logits, target):
    token_loss = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    loss_mask = (target != pad_id).float()
    return (token_loss * loss_mask).sum() / loss_mask.sum()


@torch.no_grad()
def lengths(model, starts):
    ids = starts.view(-1, 1)
    for _ in range(9):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    return (ids != eos_id).sum(1).float().mean().item()


def main():
    torch.manual_seed(9)
    model = Counter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(241):
        rows = counting(32)
        loss = masked_loss(model(rows[:, :-1]), rows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 30 == 0:
            made = lengths(model, torch.arange(1, 32))
            print(f"step={step} lm_loss={loss.item():.4f} mean generated length {made:.2f} (data: 5.00)")


if __name__ == "__main__":
    main()
