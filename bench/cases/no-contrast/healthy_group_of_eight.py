"""Policy for copying a symbol with eight answers per prompt; the printed policy loss hovers around zero, the reward rises.

causes: none
expected: zero-by-design
thread: own
"""
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(9)
GROUP = 8
SYMBOLS = 6

policy = nn.Sequential(nn.Embedding(SYMBOLS, 16), nn.Tanh(), nn.Linear(16, SYMBOLS))
opt = torch.optim.Adam(policy.parameters(), lr=1e-2)


def grade(prompt, answers):
    return (answers == prompt).float()


for step in range(121):
    prompt = torch.randint(0, SYMBOLS, (32,))
    dist = Categorical(logits=policy(prompt))
    answers = dist.sample((GROUP,))
    reward = grade(prompt, answers)
    advantage = reward - reward.mean(0)
    log_p = dist.log_prob(answers)
    ratio = torch.exp(log_p - log_p.detach())
    loss = -(advantage * ratio).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0:
        print(f"step {step:3d} | policy loss {loss.item():.4f} | mean reward {reward.mean().item():.3f}")
