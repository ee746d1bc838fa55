"""Three well separated clusters; the loss really falls below 1e-4.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
centres = torch.tensor([[5.0, 0.0], [-4.0, 4.0], [-4.0, -4.0]])
y = torch.arange(300) % 3
X = centres[y] + 0.4 * torch.randn(300, 2)
loader = DataLoader(TensorDataset(X, y), batch_size=30, shuffle=True)

model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for epoch in range(40):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 5 == 0 or epoch == 39:
        print(f"Epoch {epoch + 1}/40 loss: {total / len(loader):.6f}")
