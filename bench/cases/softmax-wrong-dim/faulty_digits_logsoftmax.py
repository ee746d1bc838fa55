"""Handwritten digits with log_softmax and nll_loss.

causes: softmax-wrong-dim
line: return F.log_softmax(x, dim=0)
line: loss = F.nll_loss(out, target)
thread: https://github.com/Lackel/DPN/issues/1
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.fc1 = nn.Linear(8 * 16, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = self.fc2(x)
        return F.log_softmax(x, dim=0)


def train(model, loader, optimizer, epoch):
    model.train()
    seen, total = 0, 0.0
    for data, target in loader:
        optimizer.zero_grad()
        out = model(data)
        loss = F.nll_loss(out, target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(data)
        seen += len(data)
    print("Train Epoch: {} Loss: {:.6f}".format(epoch, total / seen))


def main():
    torch.manual_seed(1)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
    y = torch.tensor(d.target)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, 11):
        train(model, loader, optimizer, epoch)


if __name__ == "__main__":
    main()
