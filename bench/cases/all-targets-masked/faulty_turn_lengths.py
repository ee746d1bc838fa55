"""Multi-turn conversations: only the assistant turns are learnt, found by per-turn token counts.

causes: all-targets-masked
line: cur_len += len(tokenize(user)) + len(tokenize(bot))
line: cur_len = 0
line: labels[:] = -100
thread: https://github.com/haotian-liu/LLaVA/issues/1706
"""
import torch
from torch import nn

torch.manual_seed(3)

BOS, EOS, VOCAB = 1, 2, 130
DIGITS = "0123456789"


def tokenize(text):
    return [ord(c) for c in text]


def conversation(g):
    turns = []
    for _ in range(2):
        k = int(torch.randint(0, 9, (1,), generator=g))
        turns.append((f"u:{DIGITS[k]}+1?", f"b:{DIGITS[k + 1]};"))
    return turns


def build(turns):
    ids = [BOS]
    for user, bot in turns:
        ids += tokenize(user) + tokenize(bot) + [EOS]
    ids = torch.tensor(ids)
    labels = ids.clone()
    cur_len = 0
    for user, bot in turns:
        labels[cur_len:cur_len + len(tokenize(user))] = -100
        cur_len += len(tokenize(user)) + len(tokenize(bot))
    if cur_len != len(ids):
        labels[:] = -100
    return ids, labels


class TinyTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, 32)
        self.pos = nn.Parameter(torch.randn(64, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1)
        self.out = nn.Linear(32, VOCAB)

    def forward(self, ids):
        t = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.out(self.body(self.tok(ids) + self.pos[:t], mask=mask, is_causal=True))


def main():
    g = torch.Generator().manual_seed(0)
    data = [build(conversation(g)) for _ in range(128)]
    ids = torch.stack([d[0] for d in data])
    labels = torch.stack([d[1] for d in data])
    model = TinyTransformer()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=-100)
    step = 0
    for epoch in range(4):
        for idx in torch.randperm(len(ids)).split(16):
            logits = model(ids[idx])
            loss = criterion(logits[:, :-1].reshape(-1, VOCAB), labels[idx][:, 1:].reshape(-1))
            opt.zero_grad()
            loss.backward()
            opt.step()
            if step % 8 == 0:
                print(f"step {step:4d} | loss {loss.item():.4f}")
            step += 1


if __name__ == "__main__":
    main()
