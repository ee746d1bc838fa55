"""Breast cancer screening with one output probability and binary cross entropy.

causes: output-activation-mismatch
line: return torch.softmax(self.fc2(x), dim=1)
line: self.fc2 = nn.Linear(16, 1)
line: loss = criterion(probs, yb)
thread: https://github.com/keras-team/keras/issues/14296
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
        x = torch.relu(self.fc1(x))
        return torch.softmax(self.fc2(x), dim=1)


def get_data():
    X, y = load_breast_cancer(return_X_y=True)
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)
    scaler = StandardScaler().fit(X_tr)
    as_tensor = lambda a: torch.tensor(a, dtype=torch.float32)
    return (as_tensor(scaler.transform(X_tr)), as_tensor(y_tr).view(-1, 1),
            as_tensor(scaler.transform(X_te)), as_tensor(y_te).view(-1, 1))


def main():
    torch.manual_seed(1)
    X_tr, y_tr, X_te, y_te = get_data()
    model = Screening()
    criterion = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(8):
        model.train()
        epoch_loss = 0.0
        for idx in torch.randperm(len(X_tr)).split(32):
            xb, yb = X_tr[idx], y_tr[idx]
            optimizer.zero_grad()
            probs = model(xb)
            loss = criterion(probs, yb)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            acc = ((model(X_te) > 0.5).float() == y_te).float().mean().item()
        print(f"epoch {epoch + 1}: loss={epoch_loss / len(X_tr):.4f}, test_acc={acc:.4f}")


if __name__ == "__main__":
    main()
