"""Self-supervised features of digits: two noisy views of a picture are pulled together.

causes: embedding-collapse
line: return -F.cosine_similarity(za, zb, dim=1).mean()
line: loss = view_loss(encoder(view(x)), encoder(view(x)))
thread: https://github.com/PatrickHua/SimSiam/issues/50
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
loader = DataLoader(images, batch_size=64, shuffle=True, drop_last=True)

encoder = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 16),
)
opt = torch.optim.Adam(encoder.parameters(), lr=1e-3)


def view(x):
    shift = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(x, shift, dims=(2, 3)) + 0.3 * torch.randn_like(x)


def view_loss(za, zb):
    return -F.cosine_similarity(za, zb, dim=1).mean()


for epoch in range(8):
    total = 0.0
    for x in loader:
        loss = view_loss(encoder(view(x)), encoder(view(x)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    print(f"epoch {epoch} ssl_loss={total / len(loader):.4f}")
