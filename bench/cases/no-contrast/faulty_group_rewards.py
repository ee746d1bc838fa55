"""Policy for copying a symbol, group-relative advantages: several answers per prompt, reward minus group mean.

causes: no-contrast
line: answers = dist.sample((GROUP,))
line: advantage = (reward - reward.mean(0)) / (reward.std(0, unbiased=False) + 1e-6)
line: GROUP = 1
thread: own
"""
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(9)
GROUP = 1
SYMBOLS = 6

policy = nn.Sequential(nn.Embedding(SYMBOLS, 16), nn.Tanh(), nn.Linear(16, SYMBOLS))
opt = torch.optim.Adam(policy.parameters(), lr=1e-2)


def grade(prompt, answers):
    return (answers == prompt).float()


for step in range(201):
    prompt = torch.randint(0, SYMBOLS, (32,))
    dist = Categorical(logits=policy(prompt))
    answers = dist.sample((GROUP,))
    reward = grade(prompt, answers)
    advantage = (reward - reward.mean(0)) / (reward.std(0, unbiased=False) + 1e-6)
    loss = -(advantage * dist.log_prob(answers)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 25 == 0:
        print(f"step {step:3d} | policy loss {loss.item():.4f} | mean reward {reward.mean().item():.3f}")
