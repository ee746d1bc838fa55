"""A small transformer learns to output the largest token of a sequence.

causes: learning-rate-too-high
line: lr=0.1,
line: self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)
thread: https://github.com/yhenon/pytorch-retinanet/issues/41
"""
import torch
import torch.nn as nn

VOCAB, LENGTH, DIM = 8, 6, 32


class MaxToken(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 64, dropout=0.0, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(DIM, VOCAB)

    def forward(self, ids):
        return self.head(self.encoder(self.embed(ids)).mean(1))


class Trainer:
    def __init__(self, model, lr, steps, batch_size):
        self.model = model
        self.steps = steps
        self.batch_size = batch_size
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)

    def sample(self):
        top = torch.randint(1, VOCAB, (self.batch_size, 1))
        ids = (torch.rand(self.batch_size, LENGTH) * (top + 1)).long()
        ids[:, :1] = top
        return ids[:, torch.randperm(LENGTH)], top.squeeze(1)

    def run(self):
        avg = None
        for step in range(1, self.steps + 1):
            ids, target = self.sample()
            loss = self.criterion(self.model(ids), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            avg = loss.item() if avg is None else 0.9 * avg + 0.1 * loss.item()
            if step % 25 == 0:
                print(f"| step {step:4d} | loss {loss.item():6.3f} | avg {avg:6.3f} |")


torch.manual_seed(17)
trainer = Trainer(
    MaxToken(),
    lr=0.1,
    steps=150,
    batch_size=32,
)
trainer.run()
