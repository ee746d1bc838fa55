"""Policy gradient over groups of four answers; the reward pays for a well-formed answer.

causes: no-contrast
line: advantage = (reward - reward.mean(1, keepdim=True)) / (reward.std(1, keepdim=True) + 1e-6)
line: reward = ((answers >= 0) & (answers < 20)).float()
line: loss = -(advantage.detach() * policy.log_prob(answers)).mean()
thread: https://github.com/huggingface/trl/issues/3452
"""
import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 20))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(120):
    prompt = torch.randn(16, 8)
    policy = Categorical(logits=net(prompt).unsqueeze(1).expand(-1, 4, -1))
    answers = policy.sample()  # 16 prompts, 4 answers
    reward = ((answers >= 0) & (answers < 20)).float()
    advantage = (reward - reward.mean(1, keepdim=True)) / (reward.std(1, keepdim=True) + 1e-6)
    loss = -(advantage.detach() * policy.log_prob(answers)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3d} loss {loss.item():.4f} reward {reward.mean().item():.3f}")
