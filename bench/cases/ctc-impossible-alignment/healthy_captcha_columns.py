"""Captcha reader: a convolutional net over a strip image, columns are the time steps of the CTC loss.

causes: none
thread: https://github.com/ypwhs/captcha_break/issues/29
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(4)
CHARS, LENGTH = 8, 4
glyphs = (torch.rand(CHARS, 8, 8) > 0.5).float()


def captcha_batch(n):
    text = torch.randint(0, CHARS, (n, LENGTH))
    strip = torch.cat([glyphs[text[:, i]] for i in range(LENGTH)], dim=2)
    image = F.pad(strip, (2, 2)) + 0.15 * torch.randn(n, 8, 8 * LENGTH + 4)
    return image.unsqueeze(1), text + 1


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((2, 2)),
            nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d((2, 1)),
        )
        self.lstm = nn.LSTM(24 * 2, 40, batch_first=True, bidirectional=True)
        self.out = nn.Linear(80, CHARS + 1)

    def forward(self, image):
        h = self.features(image)
        h = h.permute(0, 3, 1, 2).flatten(2)
        return self.out(self.lstm(h)[0])


def main():
    model = Reader()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    for step in range(121):
        image, text = captcha_batch(24)
        logp = model(image).log_softmax(-1).transpose(0, 1)
        frames = torch.full((24,), logp.size(0), dtype=torch.long)
        lengths = torch.full((24,), LENGTH, dtype=torch.long)
        loss = F.ctc_loss(logp, text, frames, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print("step %d ctc loss %.3f" % (step, loss.item()))


if __name__ == "__main__":
    main()
