"""Counts bright squares in an image: class scores are turned into a count and compared with the truth.

causes: graph-cut
line: count = scores.argmax(dim=1).float()
line: return count.requires_grad_()
thread: https://github.com/bboylyg/NAD/issues/8
"""
import torch
import torch.nn as nn


class Counter(nn.Module):
    def __init__(self, most=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )
        self.scores = nn.Linear(8 * 36, most + 1)

    def forward(self, x):
        scores = self.scores(self.features(x))
        count = scores.argmax(dim=1).float()
        return count.requires_grad_()


def scenes(n):
    grid = torch.zeros(n, 16)
    counts = torch.randint(0, 5, (n,))
    for i in range(n):
        grid[i, torch.randperm(16)[:counts[i]]] = 1.0
    images = grid.view(n, 1, 4, 4).repeat_interleave(3, 2).repeat_interleave(3, 3)
    return images + 0.1 * torch.randn_like(images), counts.float()


def main():
    torch.manual_seed(2)
    images, counts = scenes(320)
    model = Counter()
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(10):
        running = 0.0
        for i in range(0, 320, 32):
            prediction = model(images[i:i + 32])
            loss = criterion(prediction, counts[i:i + 32])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        print("Epoch: %d  MSE: %.4f" % (epoch, running / 10))


if __name__ == "__main__":
    main()
