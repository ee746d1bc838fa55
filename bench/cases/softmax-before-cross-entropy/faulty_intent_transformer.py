"""Intent classifier: byte tokens, one transformer layer, class probabilities at the end.

causes: softmax-before-cross-entropy
line: self.classifier = nn.Sequential(nn.Linear(dim, len(INTENTS)), nn.Softmax(dim=-1))
line: loss = self.loss_fct(probs, labels)
thread: https://github.com/illiterate/BertClassifier/issues/2
"""
import random

import torch
import torch.nn as nn

INTENTS = {"weather": ["rain", "sun", "wind"], "music": ["song", "album", "tune"], "alarm": ["wake", "clock", "snooze"]}


class IntentModel(nn.Module):
    def __init__(self, dim=32, length=24):
        super().__init__()
        self.embed = nn.Embedding(128, dim)
        self.position = nn.Parameter(0.02 * torch.randn(length, dim))
        self.layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.classifier = nn.Sequential(nn.Linear(dim, len(INTENTS)), nn.Softmax(dim=-1))
        self.loss_fct = nn.CrossEntropyLoss()

    def forward(self, ids, labels=None):
        hidden = self.layer(self.embed(ids) + self.position)
        probs = self.classifier(hidden.mean(1))
        if labels is None:
            return probs
        loss = self.loss_fct(probs, labels)
        return loss, probs


def sentences(n):
    ids, labels = [], []
    for _ in range(n):
        label = random.randrange(3)
        word = random.choice(list(INTENTS.values())[label])
        ids.append(list(f"please {word} for me".ljust(24).encode()))
        labels.append(label)
    return torch.tensor(ids), torch.tensor(labels)


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    ids, labels = sentences(240)
    model = IntentModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(14):
        running, hits = 0.0, 0
        for batch in torch.randperm(240).split(24):
            loss, probs = model(ids[batch], labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
            hits += (probs.argmax(-1) == labels[batch]).sum().item()
        print(f"epoch {epoch} loss {running / 10:.4f} acc {hits / 240:.3f}")
