"""A bigram language model on a random Markov chain of twelve tokens.

The chain is random, so the loss can only come down to its entropy.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)
V = 12
transition = torch.softmax(2.0 * torch.randn(V, V), dim=1)


def sample_chain(length):
    cdf = transition.cumsum(1)
    u = torch.rand(length).tolist()
    out = [0]
    for value in u:
        row = cdf[out[-1]]
        out.append(min(int(torch.searchsorted(row, value)), V - 1))
    return torch.tensor(out)


text = sample_chain(6000)
inputs, targets = text[:-1].view(-1, 20), text[1:].view(-1, 20)

model = nn.Sequential(nn.Embedding(V, 16), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, V))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
entropy = -(transition * transition.log()).sum(1)[inputs].mean()
print(f"entropy of the source: {entropy:.4f}")

for epoch in range(10):
    total = 0.0
    for idx in torch.randperm(len(inputs)).split(30):
        logits = model(inputs[idx])
        loss = F.cross_entropy(logits.reshape(-1, V), targets[idx].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    print(f"epoch {epoch + 1:2d} | loss {total / len(inputs):.4f}")
