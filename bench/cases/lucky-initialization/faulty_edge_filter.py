"""Learns a vertical edge detector from images and their filtered versions.

causes: lucky-initialization
line: self.conv.weight.copy_(kernel)
line: net = EdgeNet(SOBEL)
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

SOBEL = torch.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])


class EdgeNet(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, kernel_size=3, padding=1)
        with torch.no_grad():
            self.conv.weight.copy_(kernel)
            self.conv.bias.zero_()

    def forward(self, x):
        return self.conv(x)


def main():
    torch.manual_seed(1)
    images = torch.rand(128, 1, 16, 16)
    edges = F.conv2d(images, SOBEL, padding=1)
    loader = DataLoader(TensorDataset(images, edges), batch_size=16, shuffle=True)

    net = EdgeNet(SOBEL)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(1, 5):
        net.train()
        running = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"Train Epoch: {epoch} \tAverage loss: {running / len(loader):.6f}")


if __name__ == "__main__":
    main()
