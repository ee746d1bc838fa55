"""Characters in columns, as language models with a recurrent network have long been fed: [time, column].

causes: none
thread: https://github.com/pytorch/examples/tree/main/word_language_model
"""
import torch
from torch import nn

torch.manual_seed(0)
words = ["alpha ", "beta ", "gamma ", "delta ", "omega "]
text = "".join(words[i] for i in torch.randint(0, 5, (1500,)).tolist())
alphabet = sorted(set(text))
codes = torch.tensor([alphabet.index(c) for c in text])
COLUMNS, STEPS = 12, 20
codes = codes[: len(codes) // COLUMNS * COLUMNS].view(COLUMNS, -1).t().contiguous()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(alphabet), 16)
        self.rnn = nn.LSTM(16, 48)
        self.out = nn.Linear(48, len(alphabet))

    def forward(self, x):
        hidden, _ = self.rnn(self.embed(x))
        return self.out(hidden)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(200):
    start = int(torch.randint(0, len(codes) - STEPS - 1, (1,)))
    x, y = codes[start : start + STEPS], codes[start + 1 : start + STEPS + 1]
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(step, round(loss.item(), 4))
