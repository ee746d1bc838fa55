"""Sanity check: a network must be able to memorise twenty digits.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(1)
digits = load_digits()
x = torch.tensor(digits.images[:20], dtype=torch.float32).unsqueeze(1) / 16.0
y = torch.tensor(digits.target[:20])


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 16, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


model = SmallCNN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0 or step == 249:
        acc = (logits.argmax(1) == y).float().mean().item()
        print(f"overfit step {step:3d} loss {loss.item():.4f} acc {acc:.2f}")
