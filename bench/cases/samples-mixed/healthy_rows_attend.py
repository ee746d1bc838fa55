"""A table whose rows look at each other on purpose: attention over the features of a row, then over the rows of the batch.

causes: none
thread: https://github.com/somepago/saint
"""
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor((wine.data - wine.data.mean(0)) / wine.data.std(0), dtype=torch.float32)
y = torch.tensor(wine.target)


class Saint(nn.Module):
    def __init__(self, features, width=8):
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(features, width))
        self.column = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True)
        self.row = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0)
        self.out = nn.Linear(features * width, 3)

    def forward(self, x):
        h = x.unsqueeze(2) * self.weight
        h = self.column(h)
        h = self.row(h)
        return self.out(h.flatten(1))


model = Saint(x.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    losses = []
    for xb, yb in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}: {sum(losses) / len(losses):.4f}")
