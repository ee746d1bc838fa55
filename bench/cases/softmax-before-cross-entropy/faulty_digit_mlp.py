"""Digit classifier that returns class probabilities.

causes: softmax-before-cross-entropy
line: nn.Softmax(dim=1),
line: loss = criterion(model(inputs), labels)
thread: https://github.com/NaJaeMin92/pytorch-DANN/issues/7
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
    nn.Softmax(dim=1),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(15):
    total, correct = 0.0, 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
    with torch.no_grad():
        correct = (model(x).argmax(1) == y).sum().item()
    print(f"Epoch {epoch + 1}/15 loss: {total / len(x):.4f} acc: {correct / len(x):.4f}")
