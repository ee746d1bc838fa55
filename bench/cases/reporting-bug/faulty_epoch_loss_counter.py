"""Handwritten digit classifier, one loss figure per epoch.

causes: reporting-bug
line: print("Epoch", epoch, "loss:", epoch_loss)
line: epoch_loss = 0
thread: https://github.com/vantage-vision-vv/Anomaly-Detection-in-Surveillance-Videos/issues/12
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = torch.tensor(digits.target)
train_set, test_set = torch.utils.data.random_split(TensorDataset(x, y), [1400, 397])
loader = DataLoader(train_set, batch_size=50, shuffle=True)
test_loader = DataLoader(test_set, batch_size=200)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(8):
    epoch_loss = 0
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
    print("Epoch", epoch, "loss:", epoch_loss)

model.eval()
correct = 0
with torch.no_grad():
    for inputs, labels in test_loader:
        correct += (model(inputs).argmax(1) == labels).sum().item()
print("test accuracy", correct / len(test_set))
