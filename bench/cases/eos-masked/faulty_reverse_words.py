"""Sequence to sequence: write a word backwards. GRU encoder and decoder, exact-match accuracy on unseen words.

causes: eos-masked
line: self.criterion = nn.CrossEntropyLoss(ignore_index=END)
line: value = self.criterion(logits.flatten(0, 1), answers[idx].flatten())
thread: https://github.com/huggingface/blog/issues/1302
"""
import torch
import torch.nn as nn

END, GO, VOCAB = 0, 1, 12


def words(n):
    sizes = torch.randint(2, 6, (n,))
    source = torch.zeros(n, 5, dtype=torch.long)
    answers = torch.zeros(n, 6, dtype=torch.long)
    for i, size in enumerate(sizes.tolist()):
        word = torch.randint(2, VOCAB, (size,))
        source[i, :size] = word
        answers[i, :size] = word.flip(0)
        answers[i, size:] = END
    return source, answers


class Seq2Seq(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True)
        self.decoder = nn.GRUCell(dim, dim)
        self.out = nn.Linear(dim, VOCAB)

    def forward(self, source, answers=None, steps=6):
        _, h = self.encoder(self.embed(source))
        h, token, logits = h[0], torch.full((len(source),), GO), []
        for t in range(steps):
            h = self.decoder(self.embed(token), h)
            logits.append(self.out(h))
            token = logits[-1].argmax(1) if answers is None else answers[:, t]
        return torch.stack(logits, 1)


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss(ignore_index=END)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

    def fit(self, source, answers):
        total = 0.0
        chunks = torch.randperm(len(source)).split(50)
        for idx in chunks:
            logits = self.model(source[idx], answers[idx])
            value = self.criterion(logits.flatten(0, 1), answers[idx].flatten())
            self.optimizer.zero_grad()
            value.backward()
            self.optimizer.step()
            total += value.item()
        return total / len(chunks)


torch.manual_seed(2)
train, test = words(1500), words(200)
trainer = Trainer(Seq2Seq())
for epoch in range(14):
    mean_loss = trainer.fit(*train)
    with torch.no_grad():
        guess = trainer.model(test[0]).argmax(-1)
    print(f"epoch {epoch} train_loss={mean_loss:.4f} exact={(guess == test[1]).all(1).float().mean():.3f} "
          f"first letter={(guess[:, 0] == test[1][:, 0]).float().mean():.3f}")
