"""Digit CNN with bfloat16 autocast around the forward pass, weights stay in float32.

causes: none
thread: https://github.com/jzhang38/TinyLlama/issues/32
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(data.target)
net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12 * 16, 10),
)
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)

for epoch in range(5):
    total = 0.0
    for idx in torch.randperm(1500).split(50):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(images[idx])
        loss = F.cross_entropy(logits.float(), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (net(images[1500:]).argmax(1) == labels[1500:]).float().mean()
    print(f"Epoch {epoch + 1}/5 loss: {total / 30:.4f} acc: {acc:.3f}")
