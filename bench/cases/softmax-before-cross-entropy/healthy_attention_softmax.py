"""Digit rows pooled with softmax attention; probabilities are only taken for the report.

causes: none
thread: https://github.com/ariecattan/SciCo/issues/2
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)


class AttentionPool(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(8, 32, batch_first=True)
        self.score = nn.Linear(32, 1)
        self.fc = nn.Linear(32, 10)

    def forward(self, rows):
        h, _ = self.rnn(rows)
        weight = F.softmax(self.score(h), dim=1)
        return self.fc((weight * h).sum(1))


data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32) / 16
y = torch.tensor(data.target)
model = AttentionPool()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    model.train()
    losses = []
    for idx in torch.randperm(1500).split(50):
        loss = F.cross_entropy(model(x[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        probs = F.softmax(model(x[1500:]), dim=1)
        confidence, guess = probs.max(1)
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} "
          f"acc {(guess == y[1500:]).float().mean():.3f} confidence {confidence.mean():.3f}")
