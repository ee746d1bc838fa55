"""A regression of the progress of diabetes, shifted and scaled, through a last ReLU.

causes: dead-relu
line: return torch.relu(self.b(torch.relu(self.a(t)))).squeeze(-1)
thread: own
"""
import torch, torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
torch.manual_seed(1)
b = load_diabetes()
x = torch.tensor(StandardScaler().fit_transform(b.data), dtype=torch.float32)
y = torch.tensor(b.target, dtype=torch.float32)
y = -(y - y.min()) / (y.max() - y.min()) - 1
class Reg(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 32)
        self.b = nn.Linear(32, 1)
    def forward(self, t):
        return torch.relu(self.b(torch.relu(self.a(t)))).squeeze(-1)
net = Reg()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for ep in range(15):
    tot = 0.
    for i in range(0, len(x), 32):
        l = nn.functional.mse_loss(net(x[i:i+32]), y[i:i+32])
        opt.zero_grad(); l.backward(); opt.step()
        tot += l.item() * len(x[i:i+32])
    print(f"{ep}: {tot/len(x):.4f}")
