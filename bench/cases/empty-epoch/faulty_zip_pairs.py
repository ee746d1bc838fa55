"""Image-to-image regression (blur removal) over paired lists of tensors.

causes: empty-epoch
line: pairs = zip(blurred.split(16), sharp.split(16))
line: for source, wanted in pairs:
thread: https://github.com/610265158/face_landmark/issues/34
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
sharp = torch.rand(192, 1, 4, 4).repeat_interleave(3, 2).repeat_interleave(3, 3)
blurred = F.avg_pool2d(sharp, 3, stride=1, padding=1)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 1, 3, padding=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
pairs = zip(blurred.split(16), sharp.split(16))


def train_one_epoch():
    seen, summed = 0, 0.0
    for source, wanted in pairs:
        loss = F.mse_loss(model(source), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        summed += loss.item() * len(source)
        seen += len(source)
    return summed / max(seen, 1)


for epoch in range(1, 9):
    print("epoch", epoch, "mse", round(train_one_epoch(), 6))
