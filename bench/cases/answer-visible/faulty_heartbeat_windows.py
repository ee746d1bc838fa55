"""Rhythm class of short heart recordings: windows are cut with a stride, a fifth of them is held out.

causes: answer-visible
line: train_set, val_set = random_split(windows, [len(windows) - held, held])
thread: https://github.com/theislab/multimil/issues/75
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(3)
PATIENTS, LENGTH, WIDTH, STRIDE = 24, 300, 60, 4


def recording():
    t = torch.arange(LENGTH) / 20
    parts = [torch.randn(()) * torch.sin(t * f + 6 * torch.rand(())) for f in (0.5 + 3 * torch.rand(6))]
    return torch.stack(parts).sum(0) + 0.3 * torch.randn(LENGTH)


signals = torch.stack([recording() for _ in range(PATIENTS)])
rhythm = torch.randint(0, 3, (PATIENTS,))
cut = signals.unfold(1, WIDTH, STRIDE)  # patients, windows, width
windows = TensorDataset(cut.reshape(-1, 1, WIDTH), rhythm.repeat_interleave(cut.shape[1]))
held = len(windows) // 5
train_set, val_set = random_split(windows, [len(windows) - held, held])
train, val = DataLoader(train_set, batch_size=64, shuffle=True), DataLoader(val_set, batch_size=128)

net = nn.Sequential(nn.Conv1d(1, 24, 7, stride=2), nn.ReLU(), nn.Conv1d(24, 24, 5, stride=2), nn.ReLU(),
                    nn.Flatten(), nn.Linear(24 * 12, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    net.train()
    for signal, label in train:
        optimizer.zero_grad()
        loss = criterion(net(signal), label)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        scores = [(criterion(net(s), y).item(), (net(s).argmax(1) == y).float().mean().item()) for s, y in val]
    print(f"epoch {epoch} loss {loss.item():.4f} val loss {scores[0][0]:.4f} val acc {scores[0][1]:.3f}")
