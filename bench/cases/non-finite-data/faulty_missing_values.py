"""Wine cultivars from a table exported with some empty cells.

causes: non-finite-data
line: table = np.genfromtxt(export(), delimiter=",", dtype=np.float32)
line: x = (table[:, :-1] - MEAN) / STD
line: outputs = model(inputs)
thread: https://github.com/circleAhn/TESLA-tf/issues/1
"""
import io

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data, target = load_wine(return_X_y=True)
MEAN, STD = data.mean(0), data.std(0)


def export():
    rng = np.random.RandomState(0)
    out = io.StringIO()
    for row, label in zip(data, target):
        cells = ["" if rng.rand() < 0.01 else "%.4f" % v for v in row]
        out.write(",".join(cells) + ",%d\n" % label)
    out.seek(0)
    return out


table = np.genfromtxt(export(), delimiter=",", dtype=np.float32)
x = (table[:, :-1] - MEAN) / STD
dataset = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(table[:, -1]).long())
loader = DataLoader(dataset, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    running = 0.0
    for inputs, labels in loader:
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"Epoch {epoch + 1}/6 loss: {running / len(loader):.4f}")
