"""Breast cancer classifier; train and test loss are averaged over the data set.

causes: reporting-bug
line: return total / len(loader.dataset)
line: total += loss.item()
thread: https://github.com/kazuto1011/svm-pytorch/issues/4
"""
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def get_loaders():
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    order = np.random.RandomState(0).permutation(len(x))
    x = torch.tensor(x[order], dtype=torch.float32)
    y = torch.tensor(y[order], dtype=torch.float32)
    return (DataLoader(TensorDataset(x[:450], y[:450]), batch_size=64, shuffle=True),
            DataLoader(TensorDataset(x[450:], y[450:]), batch_size=64))


def run(model, loader, criterion, optimizer=None):
    total = 0.0
    for x, y in loader:
        with torch.set_grad_enabled(optimizer is not None):
            loss = criterion(model(x).squeeze(1), y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader.dataset)


def main():
    train_loader, test_loader = get_loaders()
    model = torch.nn.Sequential(
        torch.nn.Linear(30, 16),
        torch.nn.ReLU(),
        torch.nn.Linear(16, 1),
    )
    criterion = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for epoch in range(1, 11):
        train = run(model, train_loader, criterion, optimizer)
        test = run(model, test_loader, criterion)
        print(f"Epoch {epoch}/10 loss: {train:.4f} test: {test:.4f}")


if __name__ == "__main__":
    main()
