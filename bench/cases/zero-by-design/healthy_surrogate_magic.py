"""Logistic policy learnt with a surrogate whose value is always the same and whose gradient is the score function.

causes: none
expected: zero-by-design
thread: https://github.com/huggingface/trl/issues/3452
"""
import torch

torch.manual_seed(0)
w = torch.zeros(5, requires_grad=True)
b = torch.zeros((), requires_grad=True)
truth = torch.tensor([1.5, -2.0, 0.0, 1.0, 0.5])
optimizer = torch.optim.SGD([w, b], lr=0.3)


def surrogate(logp, advantage):
    return ((logp - logp.detach()) * advantage).mean()


for step in range(200):
    x = torch.randn(100, 5)
    p = torch.sigmoid(x @ w + b)
    action = torch.bernoulli(p.detach())
    reward = (action == (x @ truth > 0).float()).float()
    logp = torch.where(action > 0, p, 1 - p).log()
    loss = -surrogate(logp, reward - 0.5)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print("step %d loss %.6f reward %.3f" % (step, loss.item(), reward.mean()))
