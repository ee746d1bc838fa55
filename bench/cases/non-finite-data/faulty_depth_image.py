"""Mean distance from depth images; the range finder leaves holes where nothing came back.

causes: non-finite-data
line: depth[hole] = float("nan")
line: prediction = self.net(depth)
line: hole = torch.rand(12, 12, generator=g) < 0.02
thread: https://github.com/prs-eth/Marigold/issues/111
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class DepthImages(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        distance = 0.5 + torch.rand(1, generator=g)
        depth = distance + 0.1 * torch.randn(12, 12, generator=g)
        if i % 40 == 17:
            hole = torch.rand(12, 12, generator=g) < 0.02
            depth[hole] = float("nan")
        return depth.unsqueeze(0), distance


class Trainer:
    def __init__(self):
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
            nn.Flatten(), nn.Linear(72, 1),
        )
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.RMSprop(self.net.parameters(), lr=1e-3)

    def step(self, depth, distance):
        prediction = self.net(depth)
        loss = self.criterion(prediction, distance)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(4)
    loader = DataLoader(DepthImages(240), batch_size=8, shuffle=True)
    trainer = Trainer()
    for epoch in range(3):
        for i, batch in enumerate(loader):
            loss = trainer.step(*batch)
            if i % 6 == 0:
                print(f"epoch {epoch} iter {i:02d} loss {loss:.5f}")
