"""A lookup in a short list of key and value tokens: the first token asks for a key, the answer is its value.

causes: samples-mixed
line: layer = nn.TransformerEncoderLayer(48, nhead=4, dim_feedforward=96, dropout=0.0)
thread: https://github.com/IBM/TabFormer/pull/14
"""
import torch
from torch import nn

torch.manual_seed(0)
KEYS, VALUES, PAIRS, BATCH = 6, 4, 5, 64


def draw(count):
    order = torch.rand(count, KEYS).argsort(1)[:, :PAIRS]
    values = torch.randint(0, VALUES, (count, PAIRS))
    asked = torch.randint(0, PAIRS, (count,))
    rows = torch.arange(count)
    question = torch.stack([order[rows, asked], torch.full((count,), VALUES)], 1)
    pairs = torch.stack([order, values], 2)
    return torch.cat([question[:, None], pairs], 1), values[rows, asked]


class Lookup(nn.Module):
    def __init__(self):
        super().__init__()
        self.key = nn.Embedding(KEYS, 48)
        self.value = nn.Embedding(VALUES + 1, 48)
        layer = nn.TransformerEncoderLayer(48, nhead=4, dim_feedforward=96, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(48, VALUES)

    def forward(self, lists):
        hidden = self.encoder(self.key(lists[..., 0]) + self.value(lists[..., 1]))
        return self.out(hidden[:, 0])


lists, answers = draw(1500)
model = Lookup()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    losses = []
    for index in torch.randperm(len(lists)).split(BATCH):
        loss = nn.functional.cross_entropy(model(lists[index]), answers[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1} loss {sum(losses) / len(losses):.3f}")
