"""Handwritten digits with a small convolutional network that returns class probabilities.

causes: softmax-before-cross-entropy, learning-rate-too-high
line: return F.softmax(self.fc(h.flatten(1)), dim=1)
line: optimizer = torch.optim.SGD(model.parameters(), lr=20.0)
line: loss = criterion(output, yb)
thread: https://github.com/illiterate/BertClassifier/issues/2
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 4, 10)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.conv1(x)), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        return F.softmax(self.fc(h.flatten(1)), dim=1)


digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
train = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=60, shuffle=True)
model = DigitNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=20.0)

for epoch in range(10):
    model.train()
    running = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        output = model(xb)
        loss = criterion(output, yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        acc = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
    print(f"Epoch {epoch + 1}/10 loss: {running / len(train):.4f} val acc: {acc:.3f}")
