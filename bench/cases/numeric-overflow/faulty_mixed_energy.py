"""Small CNN on textures under mixed precision; the feature energies feed the classifier.

causes: numeric-overflow
line: energy = features.half().pow(2).sum((2, 3))
line: running += torch.nan_to_num(loss.detach(), nan=0.0).item()
thread: https://github.com/QwenLM/Qwen3/issues/670
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class EnergyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 5)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        features = torch.relu(self.conv(x))
        energy = features.half().pow(2).sum((2, 3))
        energy = energy / energy.mean(1, keepdim=True)
        return self.fc(energy.float())


def textures(n):
    labels = torch.randint(0, 4, (n,))
    r = torch.arange(12)
    rows = (r % 4 < 2).float()[:, None].expand(12, 12)
    diag = ((r[:, None] + r[None, :]) % 4 < 2).float()
    check = ((r[:, None] // 2 + r[None, :] // 2) % 2).float()
    bank = torch.stack([rows, rows.T, diag, check])
    images = (255 * bank[labels] + 30 * torch.randn(n, 12, 12)).clamp(0, 255)
    return TensorDataset(images.unsqueeze(1), labels)


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(textures(320), batch_size=20, shuffle=True)
    net = EnergyNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(6):
        running = 0.0
        for images, labels in loader:
            loss = criterion(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += torch.nan_to_num(loss.detach(), nan=0.0).item()
        print(f"Epoch {epoch + 1}/6 loss: {running / len(loader):.4f}")
