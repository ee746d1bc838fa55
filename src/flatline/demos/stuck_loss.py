"""The loss comes down a little and then stays, although the answers get right."""

import torch
from torch import nn
from torch.nn import functional as F


class Classifier(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.hidden = nn.Linear(features, 64)
        self.out = nn.Linear(64, classes)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return F.softmax(self.out(x), dim=1)


def main():
    torch.manual_seed(0)
    centres = 3 * torch.randn(6, 12)
    y = torch.randint(0, 6, (600,))
    x = centres[y] + torch.randn(600, 12)
    model = Classifier(12, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(1, 16):
        total, right = 0.0, 0
        for rows in torch.randperm(600).split(30):
            scores = model(x[rows])
            loss = F.cross_entropy(scores, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += (scores.argmax(1) == y[rows]).sum().item()
        print(f"epoch {epoch}  loss {total / 20:.4f}  accuracy {right / 600:.3f}")


if __name__ == "__main__":
    main()
