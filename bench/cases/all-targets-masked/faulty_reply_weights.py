"""Small chat model: only the tokens of the reply count, by a weight for each position.

causes: all-targets-masked
line: weight = ((segment[:, 1:] == REPLY) & (target != PAD) & (target == EOS + 10)).float()
line: loss = (token_loss * weight.reshape(-1)).sum() / weight.sum().clamp(min=1)
thread: https://github.com/haotian-liu/LLaVA/issues/1706
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, EOS, VOCAB, REPLY = 0, 1, 30, 1


class Chat(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


def dialogues(n):
    question = torch.randint(2, 10, (n, 6))
    reply = question.flip(1) + 18
    return torch.cat([question, reply, torch.full((n, 1), EOS)], 1), torch.tensor([0] * 6 + [1] * 7).expand(n, -1)


torch.manual_seed(0)
tokens, segments = dialogues(320)
model = Chat()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(6):
    total = 0.0
    for batch in torch.randperm(320).split(32):
        text, segment = tokens[batch], segments[batch]
        logits, target = model(text[:, :-1]), text[:, 1:]
        token_loss = F.cross_entropy(logits.reshape(-1, VOCAB), target.reshape(-1), reduction="none")
        weight = ((segment[:, 1:] == REPLY) & (target != PAD) & (target == EOS + 10)).float()
        loss = (token_loss * weight.reshape(-1)).sum() / weight.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 10:.4f}")
