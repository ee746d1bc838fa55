"""Byte model of short sayings; the tokenizer has no pad id of its own, so the end id is used to fill the rows.

causes: eos-masked
line: labels[labels == PAD] = -100
line: PAD = EOS
thread: https://github.com/huggingface/blog/issues/1302
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
EOS = 0
PAD = EOS
SAYINGS = ["a stitch in time", "still waters", "all that glitters", "birds of a feather", "a penny saved",
           "early bird", "no pain no gain", "time flies", "haste makes waste", "old habits"]


def collate(texts):
    rows = [torch.tensor(list(t.encode()) + [EOS]) for t in texts]
    input_ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    labels = input_ids.clone()
    labels[labels == PAD] = -100
    return input_ids, labels


class SayingModel(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.embed = nn.Embedding(128, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, 128)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0])


@torch.no_grad()
def complete(model, start, limit=60):
    ids = torch.tensor([list(start.encode())])
    while ids.shape[1] < limit:
        token = model(ids)[0, -1].argmax()
        if token == EOS:
            break
        ids = torch.cat([ids, token.view(1, 1)], 1)
    return bytes(ids[0].tolist()).decode()


loader = DataLoader(SAYINGS, batch_size=5, shuffle=True, collate_fn=collate)
model = SayingModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss(ignore_index=-100)
for epoch in range(80):
    total = 0.0
    for input_ids, labels in loader:
        logits = model(input_ids)
        loss = criterion(logits[:, :-1].reshape(-1, 128), labels[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 10 == 9:
        print(f"Epoch {epoch + 1}/80 loss: {total / len(loader):.4f}  {complete(model, 'time')!r}")
