"""Digits with unit-length features: pixel rows through a half-precision normalisation, then a linear layer.

causes: numeric-overflow
line: flat = x.flatten(1).half()
line: return (flat / flat.pow(2).sum(1, keepdim=True).sqrt()).float()
thread: https://github.com/huggingface/peft/issues/1522
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)


def unit(x):
    flat = x.flatten(1).half()
    return (flat / flat.pow(2).sum(1, keepdim=True).sqrt()).float()


class Trainer:
    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)

    def epoch(self, size=50):
        total, hits = 0.0, 0
        for idx in torch.randperm(len(self.images)).split(size):
            logits = self.net(unit(self.images[idx]))
            loss = F.cross_entropy(logits, self.labels[idx])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
            hits += (logits.argmax(1) == self.labels[idx]).sum().item()
        return total / len(self.images), hits / len(self.images)


digits = load_digits()
images = torch.tensor(digits.images * 255 / 16, dtype=torch.float32)
trainer = Trainer(images, torch.tensor(digits.target))
for e in range(8):
    loss, acc = trainer.epoch()
    print(f"epoch {e} train_loss={loss:.4f} acc={acc:.3f}")
