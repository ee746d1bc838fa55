"""Three quantiles of disease progression at once: predictions [N, 3] against one target column [N, 1].

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(2)
data = load_diabetes()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(data.target, dtype=torch.float32)
y = (y - y.mean()) / y.std()
y = y.unsqueeze(1)
order = torch.randperm(len(X))
train, val = order[:350], order[350:]

taus = torch.tensor([0.1, 0.5, 0.9])
net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)


def pinball(pred, target):
    diff = target - pred
    return torch.maximum(taus * diff, (taus - 1) * diff).mean()


for epoch in range(1, 41):
    for part in train[torch.randperm(len(train))].split(50):
        loss = pinball(net(X[part]), y[part])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 0 or epoch == 1:
        with torch.no_grad():
            fit = pinball(net(X[train]), y[train]).item()
            held = pinball(net(X[val]), y[val]).item()
        print(f"epoch {epoch} train {fit:.4f} val {held:.4f}")
