"""Sequence-to-sequence model that reads a number sequence and writes one word: up, down or flat.

causes: all-targets-masked
line: decoder_out = target[:, 1:]
line: decoder_in = target[:, :-1]
line: rows.append([WORDS[word]] + [PAD] * (MAX_TARGET - 1))
thread: https://github.com/huggingface/transformers/issues/8863
"""
import torch
import torch.nn as nn

PAD = 0
WORDS = {"up": 1, "down": 2, "flat": 3}
MAX_TARGET = 4


def make_data(n=240, length=10):
    g = torch.Generator().manual_seed(7)
    slope = torch.randint(-1, 2, (n,), generator=g)
    time = torch.linspace(0, 1, length)
    series = slope[:, None] * time + 0.1 * torch.randn(n, length, generator=g)
    rows = []
    for s in slope.tolist():
        word = {1: "up", -1: "down", 0: "flat"}[s]
        rows.append([WORDS[word]] + [PAD] * (MAX_TARGET - 1))
    return series.unsqueeze(-1), torch.tensor(rows)


class Seq2Seq(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.encoder = nn.GRU(1, hidden, batch_first=True)
        self.embed = nn.Embedding(4, hidden)
        self.decoder = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 4)

    def forward(self, source, decoder_in):
        _, state = self.encoder(source)
        y, _ = self.decoder(self.embed(decoder_in), state)
        return self.out(y)


def get_nll(model, source, target):
    decoder_in = target[:, :-1]
    decoder_out = target[:, 1:]
    logp = torch.log_softmax(model(source, decoder_in), dim=-1)
    picked = logp.gather(-1, decoder_out.unsqueeze(-1)).squeeze(-1)
    keep = (decoder_out != PAD).float()
    return -(picked * keep).sum() / source.shape[0]


torch.manual_seed(0)
source, target = make_data()
model = Seq2Seq()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
for epoch in range(12):
    order = torch.randperm(len(source))
    losses = []
    for batch in order.split(24):
        optimizer.zero_grad()
        nll = get_nll(model, source[batch], target[batch])
        nll.backward()
        optimizer.step()
        losses.append(nll.item())
    print("epoch", epoch, "nll", sum(losses) / len(losses))
