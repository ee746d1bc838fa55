"""Fills the next reading of three sensors; unknown readings are NaN in the table and left out of the loss.

causes: none
thread: https://github.com/Nixtla/neuralforecast/issues/186
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
t = torch.arange(1200).float()
clean = torch.stack([torch.sin(0.1 * t), torch.cos(0.07 * t), torch.sin(0.05 * t + 1)], 1)
readings = clean + 0.02 * torch.randn_like(clean)
readings[torch.rand_like(readings) < 0.1] = float("nan")

windows = readings.unfold(0, 21, 5).transpose(1, 2)
known = ~torch.isnan(windows)
filled = torch.where(known, windows, torch.zeros(()))


class Filler(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, values, mask):
        h, _ = self.gru(torch.cat([values, mask.float()], -1))
        return self.out(h)


model = Filler()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(10):
    losses = []
    for idx in torch.randperm(len(filled)).split(24):
        prediction = model(filled[idx, :-1], known[idx, :-1])
        mask = known[idx, 1:]
        loss = (prediction[mask] - filled[idx, 1:][mask]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("epoch %d mse %.5f" % (epoch, sum(losses) / len(losses)))
