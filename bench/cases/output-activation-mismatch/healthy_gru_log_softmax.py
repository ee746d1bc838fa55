"""Which of four motifs a symbol sequence contains: GRU, log softmax, NLL loss.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

MOTIFS = torch.tensor([[1, 2, 3], [3, 2, 1], [4, 4, 5], [6, 7, 6]])


class MotifReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, seq):
        _, h = self.gru(self.embedding(seq))
        return F.log_softmax(self.fc(h[-1]), dim=-1)


def make_sequences(n, length=11):
    seq = torch.randint(8, 10, (n, length))
    target = torch.randint(0, 4, (n,))
    start = torch.randint(0, length - 3, (n,))
    for i in range(n):
        seq[i, start[i]:start[i] + 3] = MOTIFS[target[i]]
    return seq, target


torch.manual_seed(19)
seqs, targets = make_sequences(400)
model = MotifReader()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 16):
    losses, hits = [], 0
    for idx in torch.randperm(400).split(40):
        out = model(seqs[idx])
        loss = criterion(out, targets[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += (out.argmax(1) == targets[idx]).sum().item()
    print(f"epoch {epoch:02d} | loss {sum(losses) / len(losses):9.4f} | acc {hits / 400:.3f}")
