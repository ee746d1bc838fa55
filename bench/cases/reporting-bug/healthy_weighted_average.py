"""Wine cultivars; the epoch loss weighs each batch by its size because the last one is small.

causes: none
thread: https://github.com/kazuto1011/svm-pytorch/issues/4
"""
import logging

import torch
from sklearn.datasets import load_wine
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


class AverageMeter:
    def __init__(self):
        self.sum = 0.0
        self.count = 0

    def update(self, value, n):
        self.sum += value * n
        self.count += n

    @property
    def avg(self):
        return self.sum / self.count


def main():
    torch.manual_seed(0)
    x, y = load_wine(return_X_y=True)
    x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
    dataset = torch.utils.data.TensorDataset(x, torch.tensor(y))
    loader = torch.utils.data.DataLoader(dataset, batch_size=30, shuffle=True)
    model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for epoch in range(12):
        meter = AverageMeter()
        for xb, yb in loader:
            loss = criterion(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            meter.update(loss.item(), len(xb))
        logging.info("epoch %d loss %.4f", epoch, meter.avg)


if __name__ == "__main__":
    main()
