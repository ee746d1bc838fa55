"""Group-relative policy optimisation of a token policy: one update per sampled group.

The printed loss is zero because the ratio is one and the advantages are centred.

causes: none
expected: zero-by-design
thread: https://github.com/huggingface/trl/issues/3452
"""
import torch
import torch.nn as nn

VOCAB, LENGTH, GROUP, PROMPTS = 10, 5, 16, 8


class Policy(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.embed = nn.Embedding(PROMPTS, dim)
        self.net = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, LENGTH * VOCAB))

    def forward(self, prompt):
        logits = self.net(self.embed(prompt)).view(-1, LENGTH, VOCAB)
        return torch.log_softmax(logits, dim=-1)


def reward_fn(prompt, tokens):
    return (tokens == prompt.view(-1, 1, 1)).float().mean(-1)


def grpo_loss(policy, prompt):
    log_p = policy(prompt)
    probs = log_p.exp().detach()
    tokens = torch.multinomial(probs.view(-1, VOCAB), GROUP, replacement=True)
    tokens = tokens.view(len(prompt), LENGTH, GROUP).transpose(1, 2)
    logp_tokens = log_p.unsqueeze(1).expand(-1, GROUP, -1, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    rewards = reward_fn(prompt, tokens)
    advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    ratio = torch.exp(logp_tokens - logp_tokens.detach())
    return -(ratio * advantages.unsqueeze(-1)).mean(), rewards.mean().item()


torch.manual_seed(11)
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
for step in range(1, 101):
    loss, reward = grpo_loss(policy, torch.randperm(PROMPTS))
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    if step % 10 == 0:
        print({"step": step, "loss": round(loss.item(), 4), "grad_norm": round(norm.item(), 4), "reward": round(reward, 3)})
