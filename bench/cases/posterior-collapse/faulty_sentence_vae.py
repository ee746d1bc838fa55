"""Sentence VAE: a GRU encodes a sentence into a code, a GRU decoder rebuilds the sentence word by word.

causes: posterior-collapse
line: loss = nll + kl
line: h, _ = self.decoder(self.embed(words[:, :-1]), state)
thread: https://github.com/CompVis/vunet/issues/5
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(1)
WORDS = 24
follow = torch.stack([torch.randperm(WORDS)[:3] for _ in range(WORDS)])


def sentences(n, length=9):
    rows = [torch.randint(0, WORDS, (n,))]
    for _ in range(length - 1):
        rows.append(follow[rows[-1], torch.randint(0, 3, (n,))])
    return torch.stack(rows, 1)


class SentenceVAE(nn.Module):
    def __init__(self, dim=32, code=8):
        super().__init__()
        self.embed = nn.Embedding(WORDS, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True)
        self.stats = nn.Linear(dim, 2 * code)
        self.start = nn.Linear(code, dim)
        self.decoder = nn.GRU(dim, dim, batch_first=True)
        self.vocab = nn.Linear(dim, WORDS)

    def forward(self, words):
        _, last = self.encoder(self.embed(words))
        mu, logvar = self.stats(last[0]).chunk(2, 1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        state = self.start(z).tanh().unsqueeze(0)
        h, _ = self.decoder(self.embed(words[:, :-1]), state)
        return self.vocab(h), mu, logvar


data = sentences(640)
model = SentenceVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 13):
    totals = torch.zeros(2)
    for words in data[torch.randperm(len(data))].split(32):
        logits, mu, logvar = model(words)
        nll = F.cross_entropy(logits.transpose(1, 2), words[:, 1:], reduction="none").sum(1).mean()
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), 1).mean()
        loss = nll + kl
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        totals += torch.tensor([nll.item(), kl.item()])
    nll_mean, kl_mean = (totals / 20).tolist()
    print(f"epoch {epoch:2d} nll/word {nll_mean / 8:.4f} kl {kl_mean:.4f}")
