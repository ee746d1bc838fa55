"""Sensor rows are streamed by two worker processes, shuffled in a small buffer.

causes: duplicate-data
line: for row, label in zip(self.rows, self.labels):
line: loader = DataLoader(Stream(rows, labels), batch_size=40, num_workers=2)
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset


class Stream(IterableDataset):
    def __init__(self, rows, labels):
        self.rows, self.labels = rows, labels

    def __iter__(self):
        for row, label in zip(self.rows, self.labels):
            yield row, label


def main():
    torch.manual_seed(0)
    rows = torch.randn(600, 12)
    labels = (rows[:, 0] - rows[:, 3] + 0.5 * rows[:, 5] * rows[:, 6] + 0.4 * torch.randn(600) > 0).long()
    loader = DataLoader(Stream(rows, labels), batch_size=40, num_workers=2)
    model = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        total = batches = 0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total, batches = total + loss.item(), batches + 1
        print(f"epoch {epoch} mean loss {total / batches:.4f} over {batches} batches")


if __name__ == "__main__":
    main()
