"""Is this digit a seven? The loss is 0.0000 from the first epoch, and the accuracy never moves."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data / 16, dtype=torch.float32)
is_seven = torch.tensor(digits.target == 7, dtype=torch.float32).unsqueeze(1)
loader = DataLoader(TensorDataset(images, is_seven), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(1, 4):
    total, right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        right += ((logits > 0) == (y > 0.5)).sum().item()
    print(f"epoch {epoch}  loss {total / len(loader):.4f}  accuracy {right / len(images):.3f}")
