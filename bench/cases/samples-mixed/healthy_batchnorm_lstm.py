"""Convolutions with batch normalisation in front of an LSTM; the batch has as many rows as a window has steps.

causes: none
thread: own
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
kind = torch.randint(0, 3, (720,))
rate = torch.tensor([0.05, 0.12, 0.2])[kind]
time = torch.arange(36)
signal = torch.sin(6.28 * rate[:, None] * time + 6.28 * torch.rand(720, 1)) + 0.1 * torch.randn(720, 36)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1))
        self.lstm = nn.LSTM(16, 24)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        h = self.conv(x.unsqueeze(1))
        out, _ = self.lstm(h.permute(2, 0, 1))
        return self.head(out.mean(0))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    total = 0.0
    for x, y in DataLoader(TensorDataset(signal, kind), batch_size=36, shuffle=True):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    print(epoch, total / len(kind))
