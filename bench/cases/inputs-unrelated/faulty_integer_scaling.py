"""Robot states (integer ticks) scaled to a small range, then a class of motion is predicted.

causes: inputs-unrelated
line: out = np.zeros_like(ticks)
line: x = torch.from_numpy(normalise(states)).float()
thread: https://github.com/NVIDIA/Isaac-GR00T/pull/758
"""
import numpy as np
import torch
from torch import nn


def record(n, seed=0):
    rng = np.random.default_rng(seed)
    motion = rng.integers(0, 3, n)
    centre = np.array([[1200, 300, 800, 500], [900, 700, 600, 1500], [400, 1100, 1400, 900]])
    states = centre[motion] + rng.normal(0, 120, (n, 4)).astype(np.int64)
    return states, motion


def normalise(ticks):
    out = np.zeros_like(ticks)
    span = ticks.max(0) - ticks.min(0) + 1
    for col in range(ticks.shape[1]):
        out[:, col] = (ticks[:, col] - ticks[:, col].min()) / span[col]
    return out


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(0)
    states, motion = record(600)
    x = torch.from_numpy(normalise(states)).float()
    y = torch.from_numpy(motion)
    model = MotionNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(12):
        losses, right = [], 0
        for idx in torch.randperm(len(x)).split(50):
            logits = model(x[idx])
            loss = nn.functional.cross_entropy(logits, y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            right += (logits.argmax(1) == y[idx]).sum().item()
        print(f"epoch {epoch:02d} | loss {np.mean(losses):.4f} | acc {right / len(x):.3f}")


if __name__ == "__main__":
    main()
