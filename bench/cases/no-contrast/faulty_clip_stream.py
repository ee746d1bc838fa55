"""Text and picture pairs arriving as a stream, symmetric InfoNCE.

causes: no-contrast
line: sim = zt @ zp.T * self.scale.exp()
line: yield tokens.unsqueeze(0), picture.unsqueeze(0)
thread: https://github.com/jiawei-ren/BalancedMSE/issues/19
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def stream(n):
    for _ in range(n):
        colour = torch.randint(0, 16, (1,)).item()
        where = torch.randint(0, 4, (1,)).item()
        tokens = torch.tensor([colour, 16 + where])
        picture = torch.zeros(4, 8, 8)
        bits = [(colour >> k) & 1 for k in range(4)]
        r, c = 4 * (where // 2), 4 * (where % 2)
        for k, bit in enumerate(bits):
            picture[k, r:r + 4, c:c + 4] = 2 * bit - 1
        picture += 0.1 * torch.randn_like(picture)
        yield tokens.unsqueeze(0), picture.unsqueeze(0)


class TwoTower(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.text = nn.Sequential(nn.Embedding(20, 16), nn.Flatten(), nn.Linear(32, dim))
        self.pic = nn.Sequential(nn.Conv2d(4, 8, 4, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(32, dim))
        self.scale = nn.Parameter(torch.tensor(2.0))

    def loss(self, text, picture):
        zt = F.normalize(self.text(text), dim=-1)
        zp = F.normalize(self.pic(picture), dim=-1)
        sim = zt @ zp.T * self.scale.exp()
        gold = torch.arange(len(sim))
        return (F.cross_entropy(sim, gold) + F.cross_entropy(sim.T, gold)) / 2


def main():
    torch.manual_seed(6)
    model = TwoTower()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (text, picture) in enumerate(stream(400)):
        loss = model.loss(text, picture)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"step {step:4d} contrastive loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
