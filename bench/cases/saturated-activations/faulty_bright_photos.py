"""Day or night: classifies small grey photos by a bright patch, with a LeNet-like net.

causes: saturated-activations
line: pixels = photo.to(torch.uint8).float()
line: x = torch.tanh(self.conv1(x))
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class LeNetish(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.fc1 = nn.Linear(6 * 16, 24)
        self.fc2 = nn.Linear(24, 1)

    def forward(self, x):
        x = torch.tanh(self.conv1(x))
        x = F.avg_pool2d(x, 3)
        x = torch.tanh(self.fc1(x.flatten(1)))
        return self.fc2(x)


def make_photos(n, size=16):
    label = torch.randint(0, 2, (n,))
    photo = 150 + 8 * torch.randn(n, size, size)
    for i in range(n):
        r = 2 if label[i] == 0 else 9
        c = int(torch.randint(0, size - 5, (1,)))
        photo[i, r:r + 5, c:c + 5] += 40
    photo = photo.clamp(0, 255)
    pixels = photo.to(torch.uint8).float()
    return pixels.unsqueeze(1), label.float().unsqueeze(1)


def accuracy(net, x, y):
    with torch.no_grad():
        return ((net(x) > 0).float() == y).float().mean().item()


def main():
    torch.manual_seed(2)
    x, y = make_photos(240)
    x_val, y_val = make_photos(80)
    net = LeNetish()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(15):
        losses = []
        for start in range(0, len(x), 24):
            loss = F.binary_cross_entropy_with_logits(net(x[start:start + 24]), y[start:start + 24])
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        if epoch % 2 == 0:
            print(f"epoch {epoch}: loss={sum(losses) / len(losses):.4f} val_acc={accuracy(net, x_val, y_val):.2f}")


if __name__ == "__main__":
    main()
