"""Which of four tones is playing, from band energies in decibels (full scale = 0 dB).

causes: dead-relu
line: nn.init.uniform_(layer.weight)
line: h = torch.relu(self.inp(db / 60.0))
thread: own
"""
import torch
from torch import nn

torch.manual_seed(21)


def clips(n, bands=20):
    tone = torch.randint(0, 4, (n,))
    energy = 1e-4 * (1 + torch.rand(n, bands))
    centre = 2 + 5 * tone
    for off, gain in ((-1, 0.05), (0, 0.6), (1, 0.05)):
        energy[torch.arange(n), centre + off] += gain * (0.5 + 0.5 * torch.rand(n))
    return 10 * torch.log10(energy), tone


class ToneNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(20, 32)
        self.out = nn.Linear(32, 4)
        for layer in (self.inp, self.out):
            nn.init.uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, db):
        h = torch.relu(self.inp(db / 60.0))
        return self.out(h)


model = ToneNet()
opt = torch.optim.RMSprop(model.parameters(), lr=1e-3)
train_batches = [clips(50) for _ in range(10)]
val_db, val_tone = clips(200)

for epoch in range(12):
    total = 0.0
    for db, tone in train_batches:
        loss = nn.functional.cross_entropy(model(db), tone)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(val_db).argmax(1) == val_tone).float().mean()
    print(f"epoch={epoch} loss={total / len(train_batches):.4f} val_acc={acc:.3f}")
