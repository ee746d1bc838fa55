"""Sensor rows are streamed by two worker processes, each of which reads every second row.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Stream(IterableDataset):
    def __init__(self, rows, labels):
        self.rows, self.labels = rows, labels

    def __iter__(self):
        worker = get_worker_info()
        for i in range(worker.id, len(self.rows), worker.num_workers):
            yield self.rows[i], self.labels[i]


def main():
    torch.manual_seed(0)
    rows = torch.randn(600, 12)
    labels = (rows[:, 0] - rows[:, 3] + 0.4 * torch.randn(600) > 0).long()
    loader = DataLoader(Stream(rows, labels), batch_size=40, num_workers=2)
    model = nn.Linear(12, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(5):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
