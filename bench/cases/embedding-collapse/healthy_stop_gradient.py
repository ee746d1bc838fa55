"""Self-supervised features of digits: two views, a predictor and a fixed target side.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
loader = DataLoader(images, batch_size=128, shuffle=True, drop_last=True)

encoder = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
    nn.Linear(64, 32), nn.BatchNorm1d(32, affine=False),
)
predictor = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 32))
opt = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], lr=0.05, momentum=0.9)


def view(x):
    return x * (0.6 + 0.8 * torch.rand(len(x), 1, 1, 1)) + 0.2 * torch.randn_like(x)


def half(p, z):
    return -F.cosine_similarity(p, z.detach(), dim=1).mean()


for epoch in range(10):
    total = 0.0
    for x in loader:
        za, zb = encoder(view(x)), encoder(view(x))
        loss = half(predictor(za), zb) / 2 + half(predictor(zb), za) / 2
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    std = F.normalize(za, dim=1).std(0).mean().item() * 32 ** 0.5
    print(f"epoch {epoch} ssl_loss={total / len(loader):.4f} spread={std:.3f}")
