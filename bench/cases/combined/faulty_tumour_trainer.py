"""Breast cancer classifier with a Trainer class, the network ends in a sigmoid for the probability.

causes: double-sigmoid, reporting-bug
line: nn.Linear(16, 1), nn.Sigmoid())
line: print(f"Epoch {epoch} loss: {epoch_loss} val_bce: {self.evaluate():.4f}")
line: epoch_loss = 0
line: self.criterion = nn.BCEWithLogitsLoss()
thread: https://github.com/vantage-vision-vv/Anomaly-Detection-in-Surveillance-Videos/issues/12
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, train_set, val_set):
        self.loader = DataLoader(train_set, batch_size=32, shuffle=True)
        self.val_x, self.val_y = val_set.tensors
        self.model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-3)

    def step(self, x, y):
        loss = self.criterion(self.model(x).squeeze(1), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        return self.criterion(self.model(self.val_x).squeeze(1), self.val_y).item()

    def fit(self, epochs):
        for epoch in range(epochs):
            epoch_loss = 0
            self.model.train()
            for x, y in self.loader:
                self.step(x, y)
            print(f"Epoch {epoch} loss: {epoch_loss} val_bce: {self.evaluate():.4f}")


def main():
    torch.manual_seed(8)
    data = load_breast_cancer()
    tx, vx, ty, vy = train_test_split(data.data, data.target, test_size=0.25, random_state=0, stratify=data.target)
    scaler = StandardScaler().fit(tx)

    def pack(x, y):
        return TensorDataset(torch.tensor(scaler.transform(x)).float(), torch.tensor(y).float())

    Trainer(pack(tx, ty), pack(vx, vy)).fit(20)


if __name__ == "__main__":
    main()
