"""Three kinds of wine.

causes: constant-targets
line: y = onehot.argmax(dim=1)
thread: own
"""
import torch
from torch import nn
from sklearn.datasets import load_wine
torch.manual_seed(0)
w = load_wine()
x = torch.tensor((w.data - w.data.mean(0)) / w.data.std(0)).float()
onehot = torch.tensor(w.target).view(-1, 1)
y = onehot.argmax(dim=1)
net = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.Adam(net.parameters(), 0.01)
for ep in range(60):
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad(); loss.backward(); opt.step()
    if ep % 10 == 0: print(f"[{ep}] loss {loss.item():.4f}")
