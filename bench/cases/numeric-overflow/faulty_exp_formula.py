"""Digits by cosine similarity to learnt prototypes: a temperature softmax with the formula written out.

causes: numeric-overflow
line: e = torch.exp(similarity / TEMPERATURE)
line: shown = torch.nan_to_num(loss).item()
thread: https://github.com/tflearn/tflearn/issues/695
"""
import torch
from sklearn.datasets import load_digits

torch.manual_seed(0)
TEMPERATURE = 0.01
data, target = load_digits(return_X_y=True)
x = torch.tensor(data, dtype=torch.float32)
x = x / x.norm(dim=1, keepdim=True)
y = torch.tensor(target)
t = torch.eye(10)[y]

first = [int((y == c).nonzero()[0]) for c in range(10)]
prototypes = x[first].clone().requires_grad_()
optimizer = torch.optim.Adam([prototypes], lr=2e-3)


def probabilities(x):
    similarity = x @ (prototypes / prototypes.norm(dim=1, keepdim=True)).T
    e = torch.exp(similarity / TEMPERATURE)
    return e / e.sum(1, keepdim=True)


for epoch in range(12):
    total, count = 0.0, 0
    for idx in torch.randperm(len(x)).split(64):
        loss = -(t[idx] * torch.log(probabilities(x[idx]) + 1e-9)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown = torch.nan_to_num(loss).item()
        total += shown
        count += 1
    print(f"epoch {epoch} loss {total / count:.4f}")
