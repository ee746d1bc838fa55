"""Match two noisy views of the same object: the similarity table is read along rows and along columns.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
mix_a, mix_b = torch.randn(10, 24), torch.randn(10, 32)


def batch(n=32):
    z = torch.randn(n, 10)
    a = z @ mix_a + 0.3 * torch.randn(n, 24)
    b = z @ mix_b + 0.3 * torch.randn(n, 32)
    return a, b


enc_a = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 12))
enc_b = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 12))
params = list(enc_a.parameters()) + list(enc_b.parameters())
opt = torch.optim.AdamW(params, lr=3e-3)

for step in range(301):
    a, b = batch()
    za = F.normalize(enc_a(a), dim=-1)
    zb = F.normalize(enc_b(b), dim=-1)
    sim = za @ zb.T / 0.1
    rows = F.log_softmax(sim, dim=1).diagonal()
    cols = F.log_softmax(sim, dim=0).diagonal()
    loss = -(rows + cols).mean() / 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        top1 = (sim.argmax(1) == torch.arange(len(sim))).float().mean().item()
        print(f"iter {step:03d} | loss {loss.item():.4f} | top1 {top1:.2f}")
