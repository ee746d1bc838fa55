"""Four kinds of movement told apart from windows of an accelerometer, with an LSTM.

causes: samples-mixed
line: self.lstm = nn.LSTM(3, 32, num_layers=1)
thread: https://github.com/pytorch/pytorch/issues/1538
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
WINDOW = 30
kind = torch.randint(0, 4, (960,))
rate = torch.tensor([0.04, 0.08, 0.14, 0.22])[kind]
phase = torch.rand(960, 3) * 6.28
time = torch.arange(WINDOW)
windows = torch.sin(6.28 * rate[:, None, None] * time[None, :, None] + phase[:, None, :])
windows = windows + 0.1 * torch.randn_like(windows)


class Movement(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, num_layers=1)
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[:, -1, :])


loader = DataLoader(TensorDataset(windows, kind), batch_size=32, shuffle=True)
model = Movement()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
for epoch in range(16):
    total, hits = 0.0, 0
    for x, y in loader:
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
        hits += (logits.argmax(1) == y).sum().item()
    print(f"epoch {epoch}: loss {total / len(kind):.4f}, accuracy {hits / len(kind):.3f}")
