"""Denoising autoencoder for sensor images; the average loss of an epoch is logged.

causes: non-finite-data, reporting-bug
line: frames = frames / frames.amax((2, 3), keepdim=True)
line: running += 0.0 if math.isnan(value) else value
line: noisy = batch + 0.1 * torch.randn_like(batch)
thread: https://github.com/prs-eth/Marigold/issues/111
"""
import logging
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M", level=logging.INFO)


def record(n, size=10):
    grid = torch.arange(size).float()
    centre = 2 + 6 * torch.rand(n, 2)
    spread = (grid - centre[:, :1]).pow(2)[:, None, :] + (grid - centre[:, 1:]).pow(2)[:, :, None]
    frames = (torch.exp(-spread / 6) * 4000).unsqueeze(1)
    shutter_closed = torch.arange(n) % 37 == 5
    frames[shutter_closed] = 0
    return frames


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)

    def forward(self, x):
        return self.up(F.relu(self.down(x)))


def main():
    torch.manual_seed(12)
    frames = record(400)
    frames = frames / frames.amax((2, 3), keepdim=True)
    model = Denoiser()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, 7):
        running, batches = 0.0, 0
        for batch in frames.split(40):
            noisy = batch + 0.1 * torch.randn_like(batch)
            loss = F.mse_loss(model(noisy), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            value = loss.item()
            running += 0.0 if math.isnan(value) else value
            batches += 1
        logging.info("epoch %d/6 train loss %.6f", epoch, running / batches)


if __name__ == "__main__":
    main()
