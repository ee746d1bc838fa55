"""Multi-label tagging of songs from ten features: half of the songs have no tag at all.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def songs(n):
    x = torch.randn(n, 10)
    tags = (x[:, :4] > 1.0).float()
    return TensorDataset(x, tags)


def main():
    torch.manual_seed(0)
    loader = DataLoader(songs(960), batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(8):
        total = 0.0
        for x, tags in loader:
            loss = criterion(model(x), tags)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} train_loss={total / len(loader):.4f}")


if __name__ == "__main__":
    main()
