"""Next-note model for melodies that walk up and down a scale at random.

causes: answer-visible
line: loss = criterion(logits.reshape(-1, NOTES), batch.reshape(-1))
line: logits = model(batch)
thread: https://github.com/huggingface/transformers/issues/3711
"""
import logging

import torch
from torch import nn
from torch.utils.data import DataLoader

logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
NOTES = 16


def walks(n, length=24):
    steps = torch.tensor([-2, -1, 1, 2])[torch.randint(0, 4, (n, length))]
    start = torch.randint(0, NOTES, (n, 1))
    return (start + steps.cumsum(1)) % NOTES


class NoteModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(NOTES, 16)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.out = nn.Linear(32, NOTES)

    def forward(self, notes):
        h, _ = self.gru(self.emb(notes))
        return self.out(h)


def main():
    torch.manual_seed(5)
    train, valid = walks(400), walks(100)
    model = NoteModel()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(1, 9):
        total, n = 0.0, 0
        for batch in DataLoader(train, batch_size=25, shuffle=True):
            logits = model(batch)
            loss = criterion(logits.reshape(-1, NOTES), batch.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, n = total + loss.item(), n + 1
        with torch.no_grad():
            val = criterion(model(valid).reshape(-1, NOTES), valid.reshape(-1)).item()
        logging.info("epoch %d loss %.4f val %.4f", epoch, total / n, val)


if __name__ == "__main__":
    main()
