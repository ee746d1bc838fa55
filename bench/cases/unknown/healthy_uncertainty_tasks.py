"""Wine: cultivar and alcohol content from the other measurements, tasks weighted by learned uncertainty.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(4)
wine = load_wine()
table = torch.tensor(wine.data, dtype=torch.float32)
table = (table - table.mean(0)) / table.std(0)
dataset = TensorDataset(table[:, 1:], torch.tensor(wine.target), table[:, 0])
train_set, test_set = random_split(dataset, [140, 38])
loader = DataLoader(train_set, batch_size=20, shuffle=True)


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 24), nn.ReLU())
        self.kind = nn.Linear(24, 3)
        self.alcohol = nn.Linear(24, 1)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = self.trunk(x)
        return self.kind(h), self.alcohol(h).squeeze(1)


model = MultiTask()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for epoch in range(1, 31):
    parts = torch.zeros(3)
    for x, kind, alcohol in loader:
        logits, value = model(x)
        ce, mse = F.cross_entropy(logits, kind), F.mse_loss(value, alcohol)
        w = torch.exp(-model.log_var)
        loss = w[0] * ce + 0.5 * w[1] * mse + 0.5 * model.log_var.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        parts += torch.tensor([loss.item(), ce.item(), mse.item()]) / len(loader)
    if epoch % 3 == 0:
        x, kind, alcohol = (torch.stack(c) for c in zip(*test_set))
        with torch.no_grad():
            logits, value = model(x)
        print("epoch %d loss %.3f ce %.3f mse %.3f | test acc %.2f mse %.3f" % (
            epoch, *parts.tolist(), (logits.argmax(1) == kind).float().mean(), F.mse_loss(value, alcohol)))
