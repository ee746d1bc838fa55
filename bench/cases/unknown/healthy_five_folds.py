"""Five-fold cross-validation on breast cancer: a fresh model and optimizer per fold, mean accuracy at the end.

causes: none
thread: own
"""
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from torch import nn


def build():
    return nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))


def run_fold(x, y, vx, vy, epochs=10):
    mean, std = x.mean(0), x.std(0)
    x, vx = (x - mean) / std, (vx - mean) / std
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    bce = nn.BCEWithLogitsLoss()
    history = []
    for _ in range(epochs):
        model.train()
        losses = []
        for idx in torch.randperm(len(x)).split(32):
            loss = bce(model(x[idx]).flatten(), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(np.mean(losses))
    model.eval()
    with torch.no_grad():
        accuracy = ((model(vx).flatten() > 0) == vy.bool()).float().mean().item()
    return history, accuracy


if __name__ == "__main__":
    torch.manual_seed(7)
    data = load_breast_cancer()
    X, Y = torch.tensor(data.data).float(), torch.tensor(data.target).float()
    scores = []
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    for k, (a, b) in enumerate(folds.split(data.data, data.target)):
        history, accuracy = run_fold(X[a], Y[a], X[b], Y[b])
        scores.append(accuracy)
        print(f"fold {k}: loss {history[0]:.4f} -> {history[-1]:.4f}, accuracy {accuracy:.3f}")
    print(f"accuracy {np.mean(scores):.3f} +- {np.std(scores):.3f}")
