"""Digit classifier whose two loss terms are weighed and put together in one tensor.

causes: graph-cut
line: return torch.tensor([main.item(), 0.1 * smooth.item()], requires_grad=True).sum()
line: loss = combine(outputs, labels)
thread: https://github.com/guopengf/FL-MRCM/issues/10
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def combine(outputs, labels):
    main = F.cross_entropy(outputs, labels)
    smooth = outputs.pow(2).mean()
    return torch.tensor([main.item(), 0.1 * smooth.item()], requires_grad=True).sum()


for epoch in range(8):
    epoch_loss = 0.0
    for inputs, labels in loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = combine(outputs, labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    with torch.no_grad():
        acc = (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"Epoch {epoch + 1}/8 loss: {epoch_loss / len(loader):.4f} val acc: {acc:.3f}")
