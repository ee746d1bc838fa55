"""Five-way texture recognition on small grey images streamed batch by batch.

causes: no-signal
line: target = torch.randint(0, NUM_CLASSES, (batch_size,))
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

NUM_CLASSES = 5


class TextureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, NUM_CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.mean(dim=(2, 3)))


def stream(steps, batch_size=32):
    for _ in range(steps):
        coarse = F.interpolate(torch.randn(batch_size, 1, 4, 4), size=(16, 16), mode="bilinear", align_corners=False)
        images = coarse + 0.5 * torch.randn(batch_size, 1, 16, 16)
        target = torch.randint(0, NUM_CLASSES, (batch_size,))
        yield images, target


def main():
    torch.manual_seed(2)
    net = TextureNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    window, correct, seen = [], 0, 0
    for step, (images, target) in enumerate(stream(300), start=1):
        logits = net(images)
        loss = F.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        window.append(loss.item())
        correct += (logits.argmax(1) == target).sum().item()
        seen += len(target)
        if step % 50 == 0:
            print(f"step {step}/300  loss {sum(window) / len(window):.3f}  acc {correct / seen:.3f}")
            window, correct, seen = [], 0, 0


if __name__ == "__main__":
    main()
