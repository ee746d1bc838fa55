"""Trains a new head on a frozen backbone that was fitted as an autoencoder before.

causes: none
thread: own
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(7)
digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16.0
y = torch.tensor(digits.target)

backbone = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU())
decoder = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 64))
optimizer = torch.optim.Adam(list(backbone.parameters()) + list(decoder.parameters()), lr=3e-3)
for epoch in range(6):
    for batch in X[torch.randperm(len(X))].split(64):
        loss = nn.functional.mse_loss(decoder(backbone(batch)), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"autoencoder epoch {epoch + 1} mse {loss.item():.4f}")

for p in backbone.parameters():
    p.requires_grad = False
backbone.eval()
head = nn.Linear(24, 10)
classifier = nn.Sequential(backbone, head)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, classifier.parameters()), lr=1e-2)
for epoch in range(10):
    total, right = 0.0, 0
    for idx in torch.randperm(len(X)).split(64):
        logits = classifier(X[idx])
        loss = criterion(logits, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
        right += (logits.argmax(1) == y[idx]).sum().item()
    print(f"head epoch {epoch + 1} loss {total / len(X):.4f} acc {right / len(X):.3f}")
