"""Small CNN on 8x8 digits, running loss over the epoch.

causes: reporting-bug
line: running_loss = 0.0
line: print(f"Epoch {epoch + 1}/{EPOCHS} loss: {running_loss / len(loader):.4f}")
thread: https://github.com/weka511/hpa-scc/issues/14
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(1)
EPOCHS = 6


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.fc = nn.Linear(12 * 4 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc(x.flatten(1))


def main():
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(data.target)
    dataset = torch.utils.data.TensorDataset(images[:1200], labels[:1200])
    loader = torch.utils.data.DataLoader(dataset, batch_size=24, shuffle=True)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    for epoch in range(EPOCHS):
        net.train()
        for image, label in loader:
            running_loss = 0.0
            optimizer.zero_grad()
            loss = F.cross_entropy(net(image), label)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        print(f"Epoch {epoch + 1}/{EPOCHS} loss: {running_loss / len(loader):.4f}")
        net.eval()
        with torch.no_grad():
            val = F.cross_entropy(net(images[1200:]), labels[1200:])
        print(f"          val_loss: {val.item():.4f}")


main()
