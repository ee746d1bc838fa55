"""Disease progression from ten measurements, a small regression MLP.

causes: target-broadcast
line: loss = loss_fn(pred, yb)
line: y = torch.tensor(scaled_target, dtype=torch.float32)
thread: https://github.com/IntelLabs/matsciml/pull/347
"""
import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes()
scaled_target = StandardScaler().fit_transform(data.target.reshape(-1, 1)).ravel()
X = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
y = torch.tensor(scaled_target, dtype=torch.float32)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]

train_loader = DataLoader(TensorDataset(X[:352], y[:352]), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(30):
    net.train()
    run = 0.0
    for xb, yb in train_loader:
        pred = net(xb)
        loss = loss_fn(pred, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        run += loss.item()
    net.eval()
    with torch.no_grad():
        spread = net(X[352:]).std().item()
    if epoch % 3 == 2:
        print(f"Epoch {epoch + 1}/30 loss: {run / len(train_loader):.4f} pred std: {spread:.3f}")
