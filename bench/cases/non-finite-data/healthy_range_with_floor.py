"""Digit classifier, every pixel is scaled by its own range, with a floor for pixels that never change.

causes: none
thread: https://github.com/ml5js/ml5-next-gen/issues/204
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
low, high = digits.data.min(axis=0), digits.data.max(axis=0)
x = torch.tensor((digits.data - low) / (high - low).clip(min=1), dtype=torch.float32)
y = torch.tensor(digits.target)
model = torch.nn.Sequential(torch.nn.Linear(64, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(6):
    total = 0.0
    for idx in torch.randperm(1500).split(50):
        loss = F.cross_entropy(model(x[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(x[1500:]).argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch} train_loss {total / 30:.4f} val_acc {acc:.3f}")
