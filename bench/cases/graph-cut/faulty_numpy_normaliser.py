"""A classifier that normalises its hidden layer with NumPy.

causes: graph-cut
line: h = s.enc(x).detach().numpy()
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.enc = nn.Sequential(nn.Linear(64, 48), nn.GELU())
        s.head = nn.Linear(48, 10)
    def forward(s, x):
        h = s.enc(x).detach().numpy()
        return s.head(torch.from_numpy(h / (1e-6 + h.std())))
net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(4):
    for xb, yb in DataLoader(TensorDataset(X, Y), 64, shuffle=True):
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print("epoch", epoch, "loss", loss.item())
