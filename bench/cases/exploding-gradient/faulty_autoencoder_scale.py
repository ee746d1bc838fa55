"""Autoencoder of band-limited signals, ten linear layers in raw tensors.

causes: exploding-gradient
line: W = [torch.randn(20, 20, requires_grad=True) for _ in range(10)]
line: h = F.leaky_relu(h @ w) if k < 9 else h @ w
thread: textbook
"""
import torch
import torch.nn.functional as F

torch.manual_seed(2)
t = torch.linspace(0, 1, 20)
basis = torch.stack([torch.sin(3.14 * k * t) for k in range(1, 5)])
signals = torch.randn(320, 4) @ basis

W = [torch.randn(20, 20, requires_grad=True) for _ in range(10)]
opt = torch.optim.SGD(W, lr=1e-3, momentum=0.9)


def reconstruct(h):
    for k, w in enumerate(W):
        h = F.leaky_relu(h @ w) if k < 9 else h @ w
    return h


def run_epoch():
    losses = []
    for chunk in signals[torch.randperm(320)].split(32):
        loss = F.mse_loss(reconstruct(chunk), chunk)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


for epoch in range(6):
    print("epoch", epoch, "reconstruction", run_epoch())
