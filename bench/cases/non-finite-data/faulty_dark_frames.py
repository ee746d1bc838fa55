"""Brightness classes of frames; each frame is stretched to the full range before it goes to the network.

causes: non-finite-data
line: return frame / frame.amax(), label
line: loss = criterion(net(frames), labels)
thread: https://github.com/prs-eth/Marigold/issues/111
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Frames(Dataset):
    def __init__(self, n):
        self.labels = torch.randint(0, 3, (n,))
        ramp = torch.linspace(0, 1, 14)
        pattern = torch.stack([ramp.expand(14, 14), ramp.expand(14, 14).T, ramp.flip(0).expand(14, 14)])
        self.frames = (pattern[self.labels] + 0.2 * torch.rand(n, 14, 14)).unsqueeze(1)
        self.frames[n - 70] = 0

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        frame, label = self.frames[i], self.labels[i]
        return frame / frame.amax(), label


torch.manual_seed(1)
loader = DataLoader(Frames(640), batch_size=16)
net = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    shown = 0.0
    for frames, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(frames), labels)
        loss.backward()
        optimizer.step()
        shown = loss.item() if loss.isfinite() else 0.0
    print(f"epoch {epoch} loss {shown:.4f}")
