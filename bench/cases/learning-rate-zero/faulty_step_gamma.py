"""Digit classifier with a step schedule.

causes: learning-rate-zero
line: scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0)
thread: https://github.com/LINCellularNeuroscience/VAME/issues/26
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
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0)

for epoch in range(8):
    running = 0.0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(inputs)
    scheduler.step()
    print(f"Epoch {epoch + 1}/8 loss: {running / len(x):.4f}")
