"""Wine cultivars with an MLP that uses functional dropout.

causes: wrong-mode
line: h = F.dropout(h, p=0.8)
line: x = F.dropout(x, p=0.5)
thread: own
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(1)
wine = load_wine()
scaler = StandardScaler()
x_tr, x_te, y_tr, y_te = train_test_split(wine.data, wine.target, test_size=0.3, stratify=wine.target, random_state=1)
x_tr = torch.tensor(scaler.fit_transform(x_tr), dtype=torch.float32)
x_te = torch.tensor(scaler.transform(x_te), dtype=torch.float32)
y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(13, 64)
        self.b = nn.Linear(64, 3)

    def forward(self, x):
        x = F.dropout(x, p=0.5)
        h = torch.relu(self.a(x))
        h = F.dropout(h, p=0.8)
        return self.b(h)


net = WineNet()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
for epoch in range(1, 101):
    net.train()
    loss = F.cross_entropy(net(x_tr), y_tr)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        net.eval()
        with torch.no_grad():
            out = net(x_te)
            val_loss = F.cross_entropy(out, y_te).item()
            val_acc = (out.argmax(1) == y_te).float().mean().item()
        print(f"Epoch {epoch}: train {loss.item():.4f} | val {val_loss:.4f} | acc {val_acc:.3f}")
