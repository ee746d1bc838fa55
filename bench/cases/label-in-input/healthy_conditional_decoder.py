"""Class-conditional autoencoder of digits: the class is an input, the picture is the target.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
perm = torch.randperm(len(d.target))
x = torch.tensor(d.data / 16.0, dtype=torch.float32)[perm]
c = F.one_hot(torch.tensor(d.target)[perm], 10).float()


class Conditional(nn.Module):
    def __init__(self, code=4):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64 + 10, 48), nn.ReLU(), nn.Linear(48, code))
        self.dec = nn.Sequential(nn.Linear(code + 10, 48), nn.ReLU(), nn.Linear(48, 64))

    def forward(self, x, c):
        z = self.enc(torch.cat([x, c], dim=1))
        return self.dec(torch.cat([z, c], dim=1))


net = Conditional()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(1, 11):
    total = 0.0
    for idx in torch.randperm(1500).split(50):
        loss = F.mse_loss(net(x[idx], c[idx]), x[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 30
    with torch.no_grad():
        val = F.mse_loss(net(x[1500:], c[1500:]), x[1500:]).item()
    print(f"Epoch {epoch}/10 loss: {total:.4f} val: {val:.4f}")
