"""A small language model on a page of documentation, with gradient accumulation.

causes: too-few-steps
line: ACCUMULATION = 40
line: if (i + 1) % ACCUMULATION == 0:
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = " ".join(nn.LSTM.__doc__.split()).encode("ascii", "ignore")[:3000]
BLOCK = 16
BATCH = 8
ACCUMULATION = 40


class CharTransformer(nn.Module):
    def __init__(self, vocab=128, dim=32):
        super().__init__()
        self.tok = nn.Embedding(vocab, dim)
        self.pos = nn.Embedding(BLOCK, dim)
        self.block = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, vocab)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(BLOCK))

    def forward(self, ids):
        h = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.head(self.block(h, src_mask=self.mask))


def get_batches(tokens, generator, count):
    for _ in range(count):
        start = torch.randint(0, len(tokens) - BLOCK - 1, (BATCH,), generator=generator)
        x = torch.stack([tokens[s:s + BLOCK] for s in start])
        y = torch.stack([tokens[s + 1:s + BLOCK + 1] for s in start])
        yield x, y


torch.manual_seed(13)
generator = torch.Generator().manual_seed(13)
tokens = torch.tensor(list(TEXT))
model = CharTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

for epoch in range(3):
    total = 0.0
    optimizer.zero_grad()
    for i, (x, y) in enumerate(get_batches(tokens, generator, 80)):
        loss = F.cross_entropy(model(x).reshape(-1, 128), y.reshape(-1))
        (loss / ACCUMULATION).backward()
        total += loss.item()
        if (i + 1) % ACCUMULATION == 0:
            optimizer.step()
            optimizer.zero_grad()
    print(f"epoch {epoch} | loss {total / 80:.3f}")
