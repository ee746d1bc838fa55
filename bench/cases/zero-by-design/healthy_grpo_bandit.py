"""Group-relative policy optimisation on a small token task: one update per group of samples.

causes: none
expected: zero-by-design
thread: https://github.com/huggingface/trl/issues/3452
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
VOCAB, LENGTH, GROUP = 12, 6, 16


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB + 1, 16)
        self.rnn = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, VOCAB)

    def logits(self, tokens):
        start = torch.full((len(tokens), 1), VOCAB)
        h, _ = self.rnn(self.embed(torch.cat([start, tokens], 1)))
        return self.head(h)

    @torch.no_grad()
    def sample(self, n):
        tokens = torch.zeros(n, 0, dtype=torch.long)
        for _ in range(LENGTH):
            probs = self.logits(tokens)[:, -1].softmax(-1)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1)], 1)
        return tokens


def reward(tokens):
    return (tokens == 3).float().mean(1) + 0.5 * (tokens[:, 1:] == tokens[:, :-1]).float().mean(1)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
for step in range(50):
    tokens = policy.sample(GROUP)
    rewards = reward(tokens)
    advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    logp = policy.logits(tokens)[:, :-1].log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    ratio = torch.exp(logp - logp.detach())
    loss = -(ratio * advantages.unsqueeze(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    grad_norm = nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    if step % 5 == 0:
        print({"step": step, "loss": round(loss.item(), 4), "grad_norm": round(grad_norm.item(), 4),
               "reward": round(rewards.mean().item(), 4)})
