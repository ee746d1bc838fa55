"""REINFORCE on a bandit with eight arms; a running baseline, one batch of pulls per update.

causes: none
thread: own
"""
import torch
import torch.nn as nn


class Bandit:
    def __init__(self, arms):
        self.means = torch.linspace(0, 1, arms)[torch.randperm(arms)]

    def pull(self, arm):
        return self.means[arm] + 0.3 * torch.randn(arm.shape)


class Policy(nn.Module):
    def __init__(self, arms):
        super().__init__()
        self.preferences = nn.Parameter(torch.zeros(arms))

    def forward(self):
        return torch.distributions.Categorical(logits=self.preferences)


torch.manual_seed(6)
bandit, policy = Bandit(8), Policy(8)
optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)
baseline = 0.0
for episode in range(301):
    distribution = policy()
    arms = distribution.sample((32,))
    rewards = bandit.pull(arms)
    loss = -((rewards - baseline) * distribution.log_prob(arms)).mean() - 0.01 * distribution.entropy()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    baseline = 0.9 * baseline + 0.1 * rewards.mean().item()
    if episode % 30 == 0:
        best = distribution.probs[bandit.means.argmax()].item()
        print(f"episode {episode:3d} loss {loss.item():+.4f} reward {rewards.mean().item():.3f} p(best arm) {best:.3f}")
