"""Age group of a speaker from utterance embeddings, thirty utterances a speaker.

causes: answer-visible
line: train_idx, val_idx = train_test_split(np.arange(len(features)), test_size=0.25, random_state=0)
thread: https://github.com/theislab/multimil/issues/75
"""
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Subset, TensorDataset

rng = np.random.default_rng(5)
voice = rng.normal(size=(30, 48))
age = rng.integers(0, 4, 30)
speaker = np.repeat(np.arange(30), 30)
features = torch.tensor(voice[speaker] + 0.15 * rng.normal(size=(900, 48)), dtype=torch.float32)
groups = torch.tensor(age[speaker])
train_idx, val_idx = train_test_split(np.arange(len(features)), test_size=0.25, random_state=0)

torch.manual_seed(0)
everything = TensorDataset(features, groups)
train_loader = DataLoader(Subset(everything, train_idx), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(everything, val_idx), batch_size=32)
model = nn.Sequential(nn.Linear(48, 64), nn.GELU(), nn.Linear(64, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(15):
    losses = []
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.inference_mode():
        val = [nn.functional.cross_entropy(model(x), y).item() for x, y in val_loader]
    print(f"{epoch:3d} train loss {np.mean(losses):.4f} val loss {np.mean(val):.4f}")
