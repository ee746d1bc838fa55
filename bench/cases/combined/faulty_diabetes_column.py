"""Diabetes progression with a two-layer network, standardised target, Adam on mini-batches.

causes: target-broadcast, gradients-not-cleared
line: loss = loss_fn(model(bx), by)
line: loss.backward()
line: optimizer.step()
thread: https://github.com/IntelLabs/matsciml/pull/347
"""
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes()
features = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
target = torch.tensor((data.target - data.target.mean()) / data.target.std(), dtype=torch.float32)
train = DataLoader(TensorDataset(features[:352], target[:352]), batch_size=32, shuffle=True)
val_x, val_y = features[352:], target[352:]

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loss_fn = nn.MSELoss()

for epoch in range(20):
    total = 0.0
    for bx, by in train:
        loss = loss_fn(model(bx), by)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        pred = model(val_x).squeeze(1)
        r2 = 1 - ((pred - val_y) ** 2).sum() / ((val_y - val_y.mean()) ** 2).sum()
    if epoch % 2 == 1:
        print("epoch %2d  mse %.4f  val r2 %.3f" % (epoch + 1, total / len(train), r2))
