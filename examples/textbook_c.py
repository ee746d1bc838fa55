"""A binary classifier on a table of ten features.

Its author asks why the loss is what it is after two epochs.

causes: learning-rate-too-high, no-signal
line: optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
line: y = torch.randint(0, 2, (100, 1)).float()
thread: textbook
"""
import torch
import torch.nn as nn

torch.manual_seed(0)

X = torch.randn(100, 10)
y = torch.randint(0, 2, (100, 1)).float()

model = nn.Sequential(
    nn.Linear(10, 16),
    nn.ReLU(),
    nn.Linear(16, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)

for epoch in range(2):
    optimizer.zero_grad()
    outputs = model(X)
    loss = criterion(outputs, y)
    loss.backward()
    optimizer.step()
    print(f"Epoch {epoch + 1}/2, Loss: {loss.item():.4f}")
