"""Satisfaction from six answers on a scale of one to three, standardised; many people answer alike.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(3)
answers = torch.randint(1, 4, (2000, 6)).float()
x = (answers - answers.mean(0)) / answers.std(0)
y = (x @ torch.tensor([0.8, -0.5, 0.3, 0.0, 0.6, -0.2]) + 0.5 * torch.randn(2000)).unsqueeze(1)
train_set, test_set = random_split(TensorDataset(x, y), [1500, 500])
train, test = DataLoader(train_set, batch_size=50, shuffle=True), DataLoader(test_set, batch_size=250)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = sum(nn.functional.mse_loss(model(a), b).item() for a, b in test) / len(test)
    print(f"epoch {epoch} loss {loss.item():.4f} test loss {error:.4f}")
