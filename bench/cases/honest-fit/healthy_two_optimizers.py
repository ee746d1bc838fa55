"""Character model with one optimizer for the embedding and another for the rest.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = " ".join(nn.GRU.__doc__.split()).encode("ascii", "ignore")[:1200]


class CharGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(128, 16)
        self.gru = nn.GRU(16, 48, batch_first=True)
        self.head = nn.Linear(48, 128)

    def forward(self, ids):
        out, _ = self.gru(self.embedding(ids))
        return self.head(out)


def windows(tokens, size=20, step=7):
    chunks = tokens.unfold(0, size + 1, step)
    return chunks[:, :-1], chunks[:, 1:]


if __name__ == "__main__":
    torch.manual_seed(8)
    inputs, targets = windows(torch.tensor(list(TEXT)))
    model = CharGRU()
    body = list(model.gru.parameters()) + list(model.head.parameters())
    opt_embed = torch.optim.SGD(model.embedding.parameters(), lr=0.5)
    opt_body = torch.optim.Adam(body, lr=1e-2)
    for epoch in range(1, 21):
        losses = []
        for idx in torch.randperm(len(inputs)).split(16):
            logits = model(inputs[idx])
            loss = F.cross_entropy(logits.reshape(-1, 128), targets[idx].reshape(-1))
            opt_embed.zero_grad()
            opt_body.zero_grad()
            loss.backward()
            opt_embed.step()
            opt_body.step()
            losses.append(loss.item())
        if epoch % 2 == 0:
            print(f"epoch {epoch:2d} char loss {sum(losses) / len(losses):.4f}")
