"""Breast cancer screening with one linear output and BCEWithLogitsLoss.

causes: none
thread: https://github.com/yudi-mars/daisyRec/pull/15
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class Screening(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(30, 16)
        self.fc2 = nn.Linear(16, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def main():
    torch.manual_seed(1)
    X, y = load_breast_cancer(return_X_y=True)
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)
    scaler = StandardScaler().fit(X_tr)
    X_tr = torch.tensor(scaler.transform(X_tr), dtype=torch.float32)
    X_te = torch.tensor(scaler.transform(X_te), dtype=torch.float32)
    y_tr = torch.tensor(y_tr, dtype=torch.float32).view(-1, 1)
    y_te = torch.tensor(y_te, dtype=torch.float32).view(-1, 1)

    model = Screening()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(10):
        epoch_loss = 0.0
        for idx in torch.randperm(len(X_tr)).split(32):
            optimizer.zero_grad()
            loss = criterion(model(X_tr[idx]), y_tr[idx])
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(idx)
        with torch.no_grad():
            acc = ((model(X_te) > 0).float() == y_te).float().mean().item()
        print(f"epoch {epoch + 1}: loss={epoch_loss / len(X_tr):.4f}, test_acc={acc:.4f}")


if __name__ == "__main__":
    main()
