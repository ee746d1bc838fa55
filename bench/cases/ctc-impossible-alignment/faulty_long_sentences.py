"""Acoustic model on short and long sentences of made speech; greedy decoding is scored for both groups.

causes: ctc-impossible-alignment
line: x = x.unfold(1, 4, 4).flatten(2)
line: loss = ctc(logits.log_softmax(-1).transpose(0, 1), texts, sizes, text_sizes)
thread: https://github.com/wenet-e2e/wenet/pull/2299
"""
import torch
import torch.nn as nn

torch.manual_seed(2)
ctc = nn.CTCLoss(zero_infinity=True)
voice = torch.randn(7, 8)


def speak(n, phones, frames_each):
    """Slow speakers use 8 frames for a phone, fast ones 3."""
    texts = torch.randint(1, 7, (n, phones))
    texts[:, 1:][texts[:, 1:] == texts[:, :-1]] = 0
    texts[texts == 0] = 1
    x = voice[texts].repeat_interleave(frames_each, 1)
    return x + 0.2 * torch.randn_like(x), texts


class Acoustic(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(32, 40, batch_first=True, bidirectional=True)
        self.head = nn.Linear(80, 7)

    def forward(self, x):
        x = x.unfold(1, 4, 4).flatten(2)
        return self.head(self.rnn(x)[0])


def decode(model, x):
    path = model(x).argmax(-1)
    result = []
    for row in path.tolist():
        result.append([p for i, p in enumerate(row) if p and (i == 0 or p != row[i - 1])])
    return result


slow, fast = speak(60, 5, 8), speak(140, 12, 3)
model = Acoustic()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)

for epoch in range(12):
    total = 0.0
    model.train()
    for x, texts in [(s[i], t[i]) for s, t in (slow, fast) for i in torch.randperm(len(s)).split(20)]:
        logits = model(x)
        sizes = torch.full((len(x),), logits.shape[1])
        text_sizes = torch.full((len(x),), texts.shape[1])
        loss = ctc(logits.log_softmax(-1).transpose(0, 1), texts, sizes, text_sizes)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(x)
    with torch.no_grad():
        scores = [sum(d == t for d, t in zip(decode(model, x), texts.tolist())) / len(x) for x, texts in (slow, fast)]
    print(f"epoch {epoch:2d} loss {total / 200:.4f} sentences right: slow {scores[0]:.2f} fast {scores[1]:.2f}")
