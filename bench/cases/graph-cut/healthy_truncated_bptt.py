"""Byte-level GRU on one running text; the hidden state is carried over and detached between chunks.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
TEXT = b"the cat sat on the mat and the dog sat on the log while the rat ran to the den. "
stream = torch.tensor(list(TEXT * 40)).view(8, -1)


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(128, 32)
        self.rnn = nn.GRU(32, 48, batch_first=True)
        self.out = nn.Linear(48, 128)

    def forward(self, ids, state):
        h, state = self.rnn(self.embed(ids), state)
        return self.out(h), state


model = CharRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    state, losses = None, []
    for i in range(0, stream.shape[1] - 26, 25):
        x, y = stream[:, i:i + 25], stream[:, i + 1:i + 26]
        logits, state = model(x, state)
        state = state.detach()
        loss = F.cross_entropy(logits.reshape(-1, 128), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
