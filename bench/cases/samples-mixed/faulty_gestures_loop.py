"""Gestures from two sensors; the loop turns each batch so that time comes first, as the network wants it.

causes: samples-mixed
line: logits = model(frames.reshape(-1, len(frames), 2))
thread: https://github.com/HHTseng/video-classification/issues/42
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Gestures(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 32)
        self.head = nn.Linear(32, 3)

    def forward(self, frames):
        _, (last, _) = self.rnn(frames)
        return self.head(last[-1])


def recordings(count, length=20):
    which = torch.randint(0, 3, (count,))
    turn = torch.tensor([-0.5, 0.0, 0.5])[which]
    angle = turn[:, None] * torch.arange(length) + 2 * math.pi * torch.rand(count, 1)
    frames = torch.stack([angle.cos(), angle.sin()], 2) + 0.1 * torch.randn(count, length, 2)
    return frames, which


def main():
    torch.manual_seed(11)
    loader = DataLoader(TensorDataset(*recordings(900)), batch_size=50, shuffle=True)
    model = Gestures()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(8):
        total = 0.0
        for frames, which in loader:
            logits = model(frames.reshape(-1, len(frames), 2))
            loss = nn.functional.cross_entropy(logits, which)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")


if __name__ == "__main__":
    main()
