"""Sentences of different length, packed, with embeddings blended between samples as mixup does.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(0)


def sentence():
    length = int(torch.randint(4, 15, (1,)))
    words = torch.randint(1, 20, (length,))
    return words, int((words < 6).sum() > length * 0.26)


def collate(rows):
    lengths = torch.tensor([len(words) for words, _ in rows])
    return pad_sequence([words for words, _ in rows]), lengths, torch.tensor([label for _, label in rows])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16, padding_idx=0)
        self.rnn = nn.GRU(16, 32)
        self.out = nn.Linear(32, 2)

    def forward(self, words, lengths, share, order):
        packed = pack_padded_sequence(self.embed(words), lengths, enforce_sorted=False)
        _, last = self.rnn(packed)
        h = last[-1]
        return self.out(share * h + (1 - share) * h[order])


data = [sentence() for _ in range(640)]
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(10):
    for words, lengths, labels in DataLoader(data, batch_size=32, shuffle=True, collate_fn=collate):
        share, order = float(torch.distributions.Beta(0.4, 0.4).sample()), torch.randperm(len(labels))
        logits = model(words, lengths, share, order)
        loss = share * nn.functional.cross_entropy(logits, labels)
        loss = loss + (1 - share) * nn.functional.cross_entropy(logits, labels[order])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 4))
