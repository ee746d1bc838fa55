"""Captcha reader: a convolutional net over a narrow strip image, columns are the time steps of the CTC loss.

causes: ctc-impossible-alignment
line: loss = F.ctc_loss(logp, text, frames, lengths)
line: nn.MaxPool2d((4, 4))
line: nn.MaxPool2d((2, 2))
thread: https://github.com/ypwhs/captcha_break/issues/29
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(4)
CHARS, LENGTH = 10, 6
glyphs = (torch.rand(CHARS, 16, 10) > 0.5).float()


def captcha_batch(n):
    text = torch.randint(0, CHARS, (n, LENGTH))
    strip = torch.cat([glyphs[text[:, i]] for i in range(LENGTH)], dim=2)
    image = strip + 0.15 * torch.randn(n, 16, 10 * LENGTH)
    return image.unsqueeze(1), text + 1


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d((2, 2)),
            nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d((4, 4)),
        )
        self.lstm = nn.LSTM(24 * 2, 40, batch_first=True, bidirectional=True)
        self.out = nn.Linear(80, CHARS + 1)

    def forward(self, image):
        h = self.features(image)
        h = h.permute(0, 3, 1, 2).flatten(2)
        return self.out(self.lstm(h)[0])


def main():
    model = Reader()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for step in range(40):
        image, text = captcha_batch(24)
        logp = model(image).log_softmax(-1).transpose(0, 1)
        frames = torch.full((24,), logp.size(0), dtype=torch.long)
        lengths = torch.full((24,), LENGTH, dtype=torch.long)
        loss = F.ctc_loss(logp, text, frames, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print("step %d ctc loss %.3f" % (step, loss.item()))


if __name__ == "__main__":
    main()
