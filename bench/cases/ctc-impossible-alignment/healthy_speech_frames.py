"""Small speech recogniser: a strided convolution over frames, a recurrent layer, CTC over letters.

causes: none
thread: https://github.com/SeanNaren/deepspeech.pytorch/issues/681
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

LETTERS = 8


def make_utterances(n):
    prototypes = torch.randn(LETTERS + 1, 12)
    items = []
    for _ in range(n):
        text = torch.randint(1, LETTERS + 1, (int(torch.randint(3, 7, (1,))),))
        frames = prototypes[text].repeat_interleave(6, 0)
        items.append((frames + 0.2 * torch.randn_like(frames), text))
    return items


def collate(batch):
    frames = nn.utils.rnn.pad_sequence([f for f, _ in batch], batch_first=True)
    sizes = torch.tensor([len(f) for f, _ in batch])
    return frames, sizes, torch.cat([t for _, t in batch]), torch.tensor([len(t) for _, t in batch])


class Recogniser(nn.Module):
    def __init__(self, features=12):
        super().__init__()
        self.conv = nn.Conv1d(features, 32, 5, stride=2, padding=2)
        self.rnn = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(64, LETTERS + 1)

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        h, _ = self.rnn(h)
        return self.fc(h).log_softmax(-1)


torch.manual_seed(0)
data = make_utterances(220)
train_loader = DataLoader(data[:180], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(data[180:], batch_size=20, collate_fn=collate)
model = Recogniser()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CTCLoss(blank=0, zero_infinity=True)


def ctc(batch):
    frames, sizes, targets, target_lengths = batch
    return criterion(model(frames).transpose(0, 1), targets, (sizes + 1) // 2, target_lengths)


for epoch in range(10):
    model.train()
    avg_loss = 0
    for batch in train_loader:
        loss = ctc(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        avg_loss += loss.item()
    model.eval()
    with torch.no_grad():
        val = sum(ctc(batch).item() for batch in val_loader) / len(val_loader)
    print(f"Training Summary Epoch: [{epoch + 1}]\tAverage Loss {avg_loss / len(train_loader):.5f}\tval {val:.5f}")
