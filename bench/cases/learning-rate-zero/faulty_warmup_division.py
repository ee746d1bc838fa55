"""Byte-level transformer language model with a linear warm-up.

causes: learning-rate-zero
line: return min(1, step // WARMUP)
line: scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup)
line: WARMUP = 200
thread: https://github.com/ClementPinard/SfmLearner-Pytorch/issues/5
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
TEXT = b"the cat sat on the mat and the dog sat on the log while the rat ran to the den. "
WARMUP = 200


class TinyLM(nn.Module):
    def __init__(self, dim=32, length=32):
        super().__init__()
        self.token = nn.Embedding(128, dim)
        self.position = nn.Embedding(length, dim)
        self.layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(dim, 128)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, ids):
        h = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        return self.head(self.layer(h, src_mask=self.mask, is_causal=True))


def warmup(step):
    return min(1, step // WARMUP)


data = torch.tensor(list(TEXT * 10))
windows = data.unfold(0, 33, 5)
model = TinyLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup)

for step in range(120):
    batch = windows[torch.randint(0, len(windows), (12,))]
    logits = model(batch[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, 128), batch[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 15 == 0:
        print(f"step {step:4d} loss {loss.item():.4f}")
