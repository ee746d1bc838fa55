"""Predicts whether a household earns more than the threshold, from eight survey answers.

causes: constant-targets
line: label = (income > THRESHOLD).float()
line: income = torch.exp(9.5 + 0.6 * score)
line: THRESHOLD = 9.5
thread: https://github.com/Smadx/USTC-ML24-Fall/issues/35
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
THRESHOLD = 9.5


def survey(n):
    answers = torch.randn(n, 8)
    weights = torch.tensor([0.8, -0.5, 0.3, 0.0, 0.4, -0.2, 0.1, 0.6])
    score = answers @ weights + 0.1 * torch.randn(n)
    income = torch.exp(9.5 + 0.6 * score)
    label = (income > THRESHOLD).float()
    return TensorDataset(answers, label)


def main():
    train, test = survey(1000), survey(200)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(1, 16):
        model.train()
        running = 0.0
        for x, y in DataLoader(train, batch_size=50, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(x).flatten(), y)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            x, y = test.tensors
            acc = ((model(x).flatten() > 0) == (y > 0.5)).float().mean()
        print(f"epoch {epoch} train_loss={running / len(train):.4f} test_acc={acc:.4f}")


if __name__ == "__main__":
    main()
