"""A small transformer finds the majority token; linear warm-up starts at a rate of zero.

causes: none
thread: own
"""
import torch
import torch.nn as nn

WARMUP, STEPS = 20, 160


class Majority(nn.Module):
    def __init__(self, vocab=4, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.encoder = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        return self.head(self.encoder(self.embed(ids)).mean(dim=1))


def sample(n=32, length=9, vocab=4):
    target = torch.randint(0, vocab, (n,))
    ids = torch.randint(0, vocab, (n, length))
    ids[:, :5] = target.unsqueeze(1)
    return ids[:, torch.randperm(length)], target


def lr_lambda(step):
    if step < WARMUP:
        return step / WARMUP
    return max(0.1, (STEPS - step) / (STEPS - WARMUP))


torch.manual_seed(15)
model = Majority()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)

for step in range(STEPS):
    ids, target = sample()
    loss = criterion(model(ids), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0 or step == STEPS - 1:
        print(f"step {step:3d} lr {scheduler.get_last_lr()[0]:.2e} loss {loss.item():.4f}")
    scheduler.step()
