"""Does a byte sequence contain the letter q? A gated encoder, sigmoid only inside and for the report.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class GatedPool(nn.Module):
    def __init__(self, vocab=26, dim=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.value = nn.Linear(dim, dim)
        self.gate = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, 1)

    def forward(self, tokens):
        e = self.emb(tokens)
        h = torch.tanh(self.value(e)) * torch.sigmoid(self.gate(e))
        return self.out(h.max(dim=1).values).squeeze(-1)


def sample(n, rng):
    x = torch.randint(0, 26, (n, 18), generator=rng)
    y = (x == 16).any(dim=1).float()
    return x, y


def main():
    torch.manual_seed(1)
    rng = torch.Generator().manual_seed(5)
    model = GatedPool()
    opt = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(201):
        x, y = sample(64, rng)
        logits = model(x)
        loss = F.binary_cross_entropy_with_logits(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 25 == 0:
            acc = ((torch.sigmoid(logits) > 0.5).float() == y).float().mean().item()
            print(f"step {step:4d}  loss {loss.item():.4f}  acc {acc:.2f}")


if __name__ == "__main__":
    main()
