"""A small convolutional network that gives probabilities.

causes: softmax-before-cross-entropy
line: self.act = nn.Softmax(dim=1)
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

class C(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 8, 3, padding=1)
        self.f = nn.Linear(8 * 64, 10)
        self.act = nn.Softmax(dim=1)
    def forward(self, x):
        return self.act(self.f(torch.relu(self.c(x.view(-1, 1, 8, 8))).flatten(1)))
m = C(); crit = nn.CrossEntropyLoss(); o = torch.optim.Adam(m.parameters(), 1e-3)
for e in range(6):
    run = 0
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        o.zero_grad(); l = crit(m(xb), yb); l.backward(); o.step(); run += l.item()
    print(f"Epoch {e} | loss: {run/29:.3f}")
