"""A convolutional digit classifier with dropout and a separate validation function.

causes: none
thread: own
"""
import logging

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
log = logging.getLogger("train")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(12 * 9, 10)

    def forward(self, x):
        return self.fc(self.dropout(self.features(x).flatten(1)))


@torch.no_grad()
def validate(model, loader, criterion):
    model.eval()
    loss = correct = 0.0
    for x, y in loader:
        out = model(x)
        loss += criterion(out, y).item() * len(x)
        correct += (out.argmax(1) == y).sum().item()
    n = len(loader.dataset)
    return loss / n, correct / n


def main():
    torch.manual_seed(9)
    digits = load_digits()
    data = TensorDataset(torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0,
                         torch.tensor(digits.target))
    train_set, val_set = random_split(data, [1500, 297])
    train_loader = DataLoader(train_set, batch_size=75, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=99)
    model, criterion = Net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
    for epoch in range(1, 7):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        val_loss, val_acc = validate(model, val_loader, criterion)
        log.info("epoch %d train %.4f val %.4f acc %.3f", epoch, total / 1500, val_loss, val_acc)


if __name__ == "__main__":
    main()
