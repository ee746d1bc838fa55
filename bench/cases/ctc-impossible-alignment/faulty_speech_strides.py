"""Small speech recogniser: strided convolutions over frames, a recurrent layer, CTC over letters.

causes: ctc-impossible-alignment
line: loss = criterion(log_probs, targets, input_lengths, target_lengths)
line: nn.Conv1d(32, 48, 5, stride=4, padding=2)
line: nn.Conv1d(features, 32, 5, stride=4, padding=2)
thread: https://github.com/SeanNaren/deepspeech.pytorch/issues/681
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

LETTERS = 12


class Utterances(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.prototypes = torch.randn(LETTERS + 1, 16, generator=torch.Generator().manual_seed(99))
        self.items = []
        for _ in range(n):
            length = int(torch.randint(10, 15, (1,), generator=g))
            text = torch.randint(1, LETTERS + 1, (length,), generator=g)
            frames = self.prototypes[text].repeat_interleave(6, 0)
            self.items.append((frames + 0.2 * torch.randn(frames.shape, generator=g), text))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    frames = nn.utils.rnn.pad_sequence([f for f, _ in batch], batch_first=True)
    sizes = torch.tensor([len(f) for f, _ in batch])
    return frames, sizes, torch.cat([t for _, t in batch]), torch.tensor([len(t) for _, t in batch])


class Recogniser(nn.Module):
    def __init__(self, features=16):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(features, 32, 5, stride=4, padding=2), nn.ReLU(),
            nn.Conv1d(32, 48, 5, stride=4, padding=2), nn.ReLU(),
        )
        self.rnn = nn.GRU(48, 32, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(64, LETTERS + 1)

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2)
        h, _ = self.rnn(h)
        return self.fc(h).log_softmax(-1)


torch.manual_seed(0)
loader = DataLoader(Utterances(160, 1), batch_size=16, shuffle=True, collate_fn=collate)
model = Recogniser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CTCLoss(blank=0, zero_infinity=True)

for epoch in range(4):
    avg_loss = 0
    for frames, sizes, targets, target_lengths in loader:
        log_probs = model(frames).transpose(0, 1)
        input_lengths = ((sizes + 3) // 4 + 3) // 4
        loss = criterion(log_probs, targets, input_lengths, target_lengths)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        avg_loss += loss.item()
    print(f"Training Summary Epoch: [{epoch + 1}]\tAverage Loss {avg_loss / len(loader):.5f}")
