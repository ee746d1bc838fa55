"""Which of four motifs a symbol sequence contains, read by a GRU.

causes: output-activation-mismatch
line: return self.fc(h[-1])
line: loss = self.criterion(out, target)
line: self.criterion = nn.NLLLoss()
thread: own
"""
import torch
import torch.nn as nn

MOTIFS = torch.tensor([[1, 2, 3], [3, 2, 1], [4, 4, 5], [6, 7, 6]])


class MotifReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, seq):
        _, h = self.gru(self.embedding(seq))
        return self.fc(h[-1])


def make_sequences(n, length=11):
    seq = torch.randint(8, 10, (n, length))
    target = torch.randint(0, 4, (n,))
    start = torch.randint(0, length - 3, (n,))
    for i in range(n):
        seq[i, start[i]:start[i] + 3] = MOTIFS[target[i]]
    return seq, target


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.NLLLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def step(self, seq, target):
        out = self.model(seq)
        loss = self.criterion(out, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item(), (out.argmax(1) == target).sum().item()


torch.manual_seed(19)
seqs, targets = make_sequences(400)
trainer = Trainer(MotifReader())
for epoch in range(1, 9):
    losses, hits = [], 0
    for idx in torch.randperm(400).split(40):
        value, good = trainer.step(seqs[idx], targets[idx])
        losses.append(value)
        hits += good
    print(f"epoch {epoch:02d} | loss {sum(losses) / len(losses):9.4f} | acc {hits / 400:.3f}")
