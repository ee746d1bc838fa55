"""Main task with a helper loss whose weight is annealed to nothing over the first epochs.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.digit, self.parity = nn.Linear(64, 10), nn.Linear(64, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.digit(h), self.parity(h).squeeze(1)


model = TwoHeads()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    weight = max(0.0, 1 - epoch / 4)
    for rows in torch.randperm(1500).split(50):
        digit, parity = model(x[rows])
        helper = weight * F.binary_cross_entropy_with_logits(parity, (y[rows] % 2).float())
        loss = F.cross_entropy(digit, y[rows]) + helper
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(x[1500:])[0].argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} helper {helper.item():.4f} acc {acc:.3f}")
