"""Part-of-speech tagger for an invented language in which every word has one tag.

causes: lucky-initialization
line: self.table.weight.copy_(20.0 * F.one_hot(lexicon, NUM_TAGS).float())
line: model = Tagger(lexicon)
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB = 40
NUM_TAGS = 6


class Tagger(nn.Module):
    def __init__(self, lexicon):
        super().__init__()
        self.table = nn.Embedding(VOCAB, NUM_TAGS)
        self.scale = nn.Parameter(torch.ones(1))
        with torch.no_grad():
            self.table.weight.copy_(20.0 * F.one_hot(lexicon, NUM_TAGS).float())

    def forward(self, words):
        return self.scale * self.table(words)


class Trainer:
    def __init__(self, model, words, tags, lr=5e-2, batch_size=32):
        self.model, self.words, self.tags, self.batch_size = model, words, tags, batch_size
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def train_epoch(self):
        losses, right = [], 0
        for idx in torch.randperm(len(self.words)).split(self.batch_size):
            logits = self.model(self.words[idx])
            loss = F.cross_entropy(logits.flatten(0, 1), self.tags[idx].flatten())
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            right += (logits.argmax(-1) == self.tags[idx]).sum().item()
        return sum(losses) / len(losses), right / self.tags.numel()


torch.manual_seed(5)
lexicon = torch.randint(0, NUM_TAGS, (VOCAB,))
words = torch.randint(0, VOCAB, (400, 12))
tags = lexicon[words]
model = Tagger(lexicon)
trainer = Trainer(model, words, tags)
for epoch in range(1, 6):
    loss, acc = trainer.train_epoch()
    print({"epoch": epoch, "loss": round(loss, 4), "acc": round(acc, 3)})
