"""Age group of a speaker from utterance embeddings, whole speakers held out.

causes: none
thread: own
"""
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import GroupShuffleSplit
from torch.utils.data import DataLoader, Subset, TensorDataset

rng = np.random.default_rng(2)
age = rng.integers(0, 3, 80)
direction = rng.normal(size=(3, 40))
voice = rng.normal(size=(80, 40)) + 0.9 * direction[age]
speaker = np.repeat(np.arange(80), 12)
features = torch.tensor(voice[speaker] + 0.15 * rng.normal(size=(960, 40)), dtype=torch.float32)
groups = torch.tensor(age[speaker])
train_idx, val_idx = next(GroupShuffleSplit(1, test_size=0.25, random_state=1).split(features, groups, speaker))

torch.manual_seed(0)
everything = TensorDataset(features, groups)
train_loader = DataLoader(Subset(everything, train_idx), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(everything, val_idx), batch_size=32)
model = nn.Linear(40, 3)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
for epoch in range(12):
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
