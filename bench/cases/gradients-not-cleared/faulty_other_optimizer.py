"""Translation of points by an encoder and a decoder with an optimizer each.

causes: gradients-not-cleared
line: encoder_opt.zero_grad()
line: decoder_opt.step()
line: loss.backward()
thread: https://github.com/xingyizhou/CenterNet/issues/928
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
x = torch.randn(512, 6)
y = torch.stack([x[:, 0] * x[:, 1], x[:, 2].abs(), x[:, 3] - x[:, 4]], 1)
encoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
decoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))
encoder_opt = torch.optim.SGD(encoder.parameters(), lr=0.05)
decoder_opt = torch.optim.SGD(decoder.parameters(), lr=0.05)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(512).split(32):
        encoder_opt.zero_grad()
        loss = nn.functional.mse_loss(decoder(encoder(x[rows])), y[rows])
        loss.backward()
        encoder_opt.step()
        decoder_opt.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 16:.4f}")
