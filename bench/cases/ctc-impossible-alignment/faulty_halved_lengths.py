"""Handwriting strokes to text: a recurrent encoder with one stride of two, a CTC output over the alphabet.

causes: ctc-impossible-alignment
line: steps = torch.div(self.encoder.output_lengths(lengths), 2, rounding_mode="floor")
line: value = self.loss(out.permute(1, 0, 2), labels, steps, label_lengths)
thread: https://github.com/wenet-e2e/wenet/pull/2299
"""
import logging

import torch
import torch.nn as nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("strokes")


def make_strokes(count, alphabet=9):
    shape = torch.randn(alphabet + 1, 3, 4)
    data = []
    for _ in range(count):
        label = torch.randint(1, alphabet + 1, (int(torch.randint(4, 9, (1,))),))
        stroke = shape[label].reshape(-1, 4)
        data.append((stroke + 0.1 * torch.randn_like(stroke), label))
    return data


class Encoder(nn.Module):
    def __init__(self, hidden=48, classes=10):
        super().__init__()
        self.conv = nn.Conv1d(4, hidden, 3, stride=2, padding=1)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(2 * hidden, classes)

    def output_lengths(self, lengths):
        return (lengths - 1) // 2 + 1

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2).tanh()
        return self.proj(self.gru(h)[0]).log_softmax(2)


class Trainer:
    def __init__(self, data, batch=20):
        self.data, self.batch = data, batch
        self.encoder = Encoder()
        self.loss = nn.CTCLoss(zero_infinity=True)
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=3e-3)

    def batches(self):
        order = torch.randperm(len(self.data)).tolist()
        for i in range(0, len(order), self.batch):
            rows = [self.data[j] for j in order[i:i + self.batch]]
            x = nn.utils.rnn.pad_sequence([s for s, _ in rows], batch_first=True)
            labels = nn.utils.rnn.pad_sequence([t for _, t in rows], batch_first=True)
            yield x, labels, torch.tensor([len(s) for s, _ in rows]), torch.tensor([len(t) for _, t in rows])

    def epoch(self):
        losses = []
        for x, labels, lengths, label_lengths in self.batches():
            out = self.encoder(x)
            steps = torch.div(self.encoder.output_lengths(lengths), 2, rounding_mode="floor")
            value = self.loss(out.permute(1, 0, 2), labels, steps, label_lengths)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
            self.optimizer.step()
            losses.append(value.item())
        return sum(losses) / len(losses)


torch.manual_seed(11)
trainer = Trainer(make_strokes(200))
for n in range(6):
    log.info("epoch %d/6 - ctc: %.4f", n + 1, trainer.epoch())
