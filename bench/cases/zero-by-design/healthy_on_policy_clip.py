"""Clipped policy gradient for a contextual bandit; the old log-probabilities are those of the same step.

causes: none
expected: zero-by-design
thread: https://github.com/huggingface/open-r1/issues/239
"""
import torch
from torch import nn


class Agent(nn.Module):
    def __init__(self, states=6, actions=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(states, 32), nn.Tanh(), nn.Linear(32, actions))

    def forward(self, s):
        return torch.distributions.Categorical(logits=self.body(s))


class Learner:
    def __init__(self, agent, lr=4e-3, clip=0.2):
        self.agent, self.clip = agent, clip
        self.optimizer = torch.optim.AdamW(agent.parameters(), lr=lr)

    def update(self, states, actions, rewards):
        advantage = rewards - rewards.mean()
        old = self.agent(states).log_prob(actions).detach()
        new = self.agent(states).log_prob(actions)
        ratio = (new - old).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        loss = -torch.minimum(ratio * advantage, clipped * advantage).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main():
    torch.manual_seed(1)
    learner = Learner(Agent())
    for iteration in range(60):
        kind = torch.randint(0, 6, (64,))
        states = torch.eye(6)[kind]
        with torch.no_grad():
            actions = learner.agent(states).sample()
        rewards = (actions == kind % 4).float()
        loss = learner.update(states, actions, rewards)
        if iteration % 6 == 0:
            print(f"iteration {iteration:3d} policy_loss {loss:.4f} mean_reward {rewards.mean():.3f}")


if __name__ == "__main__":
    main()
