"""Wine cultivars, a model that sees a small training split and large batches.

causes: empty-epoch
line: train_loader = DataLoader(train_set, batch_size=128, shuffle=True, drop_last=True)
thread: https://github.com/tensorflow/tensorflow/issues/45737
"""
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Wine(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(13, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(0)
    x, y = load_wine(return_X_y=True)
    x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
    train_set, val_set = random_split(TensorDataset(x, torch.tensor(y)), [118, 60])
    train_loader = DataLoader(train_set, batch_size=128, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=60)
    model = Wine()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    for epoch in range(20):
        model.train()
        train_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * inputs.size(0)
        train_loss /= len(train_set)
        model.eval()
        with torch.no_grad():
            for inputs, labels in val_loader:
                out = model(inputs)
                val_loss = criterion(out, labels).item()
                val_acc = (out.argmax(1) == labels).float().mean().item()
        if epoch % 4 == 3:
            print(f"Epoch {epoch + 1}: train_loss={train_loss:.4f} val_loss={val_loss:.4f} val_acc={val_acc:.3f}")


if __name__ == "__main__":
    main()
