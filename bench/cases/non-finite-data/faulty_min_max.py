"""Digit classifier, every pixel is scaled to [0, 1] by its own range.

causes: non-finite-data
line: return (data - low) / (high - low)
line: x = torch.tensor(normalize(digits.data), dtype=torch.float32)
thread: https://github.com/ml5js/ml5-next-gen/issues/204
"""
import logging

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

logging.basicConfig(level=logging.INFO, format="%(message)s")
np.seterr(all="ignore")


def normalize(data):
    low, high = data.min(axis=0), data.max(axis=0)
    return (data - low) / (high - low)


class MLP(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(64, 50)
        self.fc2 = torch.nn.Linear(50, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def main():
    torch.manual_seed(0)
    digits = load_digits()
    x = torch.tensor(normalize(digits.data), dtype=torch.float32)
    y = torch.tensor(digits.target)
    model = MLP()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        model.train()
        total = 0.0
        for idx in torch.randperm(1500).split(50):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = (model(x[1500:]).argmax(1) == y[1500:]).float().mean()
        logging.info("epoch %d train_loss %.4f val_acc %.3f", epoch, total / 30, acc)


main()
