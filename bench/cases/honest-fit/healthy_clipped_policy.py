"""A policy with clipped ratios and a value function; its policy loss is near 0.

causes: none
thread: own
"""
import torch
from torch import nn
torch.manual_seed(0)
pol = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2)); val = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam([*pol.parameters(), *val.parameters()], lr=3e-3)
for it in range(30):
    s = torch.randn(256, 4)
    with torch.no_grad():
        dist = torch.distributions.Categorical(logits=pol(s)); a = dist.sample(); old = dist.log_prob(a)
        r = ((s[:, 0] > 0).long() == a).float() + 0.1 * torch.randn(256)
        adv = r - val(s).squeeze(1); adv = (adv - adv.mean()) / adv.std()
    for _ in range(4):
        dist = torch.distributions.Categorical(logits=pol(s))
        ratio = (dist.log_prob(a) - old).exp()
        pl = -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
        vl = (val(s).squeeze(1) - r).pow(2).mean()
        loss = pl + 0.5 * vl - 0.01 * dist.entropy().mean()
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(pol.parameters(), 0.5); opt.step()
    print(f"iter {it} policy loss {pl.item():.4f} value loss {vl.item():.4f} reward {r.mean():.3f}")
