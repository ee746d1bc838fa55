"""Reward tuning of a small policy with a KL penalty to its own starting point, reported on its own line.

causes: none
expected: zero-by-design
thread: https://github.com/huggingface/open-r1/issues/239
"""
import copy

import torch
import torch.nn as nn

torch.manual_seed(2)
policy = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 5))
reference = copy.deepcopy(policy).requires_grad_(False)
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
BETA = 0.02

for step in range(120):
    prompt = torch.randint(0, 4, (32,))
    x = torch.eye(4)[prompt].repeat_interleave(4, 0)
    logp_all = policy(x).log_softmax(-1)
    ref_all = reference(x).log_softmax(-1)
    action = torch.distributions.Categorical(logits=logp_all.detach()).sample()
    reward = (action == prompt.repeat_interleave(4)).float().view(32, 4)
    advantage = (reward - reward.mean(1, keepdim=True)).flatten()
    logp = logp_all.gather(1, action[:, None]).squeeze(1)
    gain = ((logp - logp.detach()).exp() * advantage).mean()
    kl = (logp_all.exp() * (logp_all - ref_all)).sum(-1).mean()
    loss = -gain + BETA * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 12 == 0:
        print(f"step {step:3d} loss {loss.item():.4f} kl {kl.item():.4f} reward {reward.mean():.3f}")
