"""Sequence to sequence toy: the network must give back the digits in reverse order.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Reverser(nn.Module):
    def __init__(self, vocabulary=10, width=48, length=5):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.start = nn.Parameter(torch.randn(length, width))
        self.out = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        state = self.encoder(self.embed(tokens))[1]
        queries = self.start.expand(len(tokens), -1, -1)
        return self.out(self.decoder(queries, state)[0])


torch.manual_seed(0)
model = Reverser()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    tokens = torch.randint(0, 10, (64, 5))
    logits = model(tokens)
    loss = F.cross_entropy(logits.reshape(-1, 10), tokens.flip(1).reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 49:
        exact = (logits.argmax(-1) == tokens.flip(1)).all(1).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f} exact {exact:.3f}")
