"""Next-value prediction on a long wave, windows come from a sampler class that rewinds itself.

causes: none
thread: https://github.com/galatolofederico/pytorch-balanced-batch/issues/1
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
t = torch.arange(1300).float()
series = torch.sin(0.15 * t) + 0.4 * torch.sin(0.041 * t)


class WindowSampler:
    def __init__(self, values, width, count):
        self.windows = values.unfold(0, width, 4)
        self.count = count

    def __len__(self):
        return len(self.windows) // self.count

    def __iter__(self):
        self.order = torch.randperm(len(self.windows))
        self.position = 0
        return self

    def __next__(self):
        if self.position + self.count > len(self.order):
            raise StopIteration
        pick = self.order[self.position:self.position + self.count]
        self.position += self.count
        return self.windows[pick]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x):
        out, _ = self.lstm(x.unsqueeze(-1))
        return self.head(out[:, -1]).squeeze(-1)


sampler = WindowSampler(series, width=25, count=16)
model = Forecaster()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
for epoch in range(6):
    running = 0.0
    for window in sampler:
        loss = ((model(window[:, :-1]) - window[:, -1]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print("epoch %d - loss: %.5f" % (epoch, running / len(sampler)))
