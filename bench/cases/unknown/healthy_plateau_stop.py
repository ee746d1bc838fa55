"""Small CNN on the digits: ReduceLROnPlateau and early stopping, the best weights are restored.

causes: none
thread: own
"""
import copy

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
train = DataLoader(TensorDataset(images[:900], labels[:900]), batch_size=30, shuffle=True)
val = DataLoader(TensorDataset(images[900:1300], labels[900:1300]), batch_size=200)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
best, best_state, waited, patience = float("inf"), None, 0, 4

for epoch in range(14):
    net.train()
    train_loss = 0.0
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)
    net.eval()
    with torch.no_grad():
        val_loss = sum(criterion(net(x), y).item() for x, y in val) / len(val)
    scheduler.step(val_loss)
    print(f"epoch {epoch:02d} train {train_loss / 900:.4f} val {val_loss:.4f} lr {optimizer.param_groups[0]['lr']:.1e}")
    if val_loss < best - 1e-3:
        best, best_state, waited = val_loss, copy.deepcopy(net.state_dict()), 0
    else:
        waited += 1
        if waited >= patience:
            print("stopping early")
            break

net.load_state_dict(best_state)
with torch.no_grad():
    print("test accuracy %.3f" % (net(images[1300:]).argmax(1) == labels[1300:]).float().mean())
