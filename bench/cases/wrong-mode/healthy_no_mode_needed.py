"""Wine MLP with layer norm only; the program never switches between train and eval.

causes: none
thread: own
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(1)
wine = load_wine()
x_tr, x_te, y_tr, y_te = train_test_split(wine.data, wine.target, test_size=0.3, stratify=wine.target, random_state=1)
x_tr, x_te = torch.tensor(x_tr, dtype=torch.float32), torch.tensor(x_te, dtype=torch.float32)
mean, std = x_tr.mean(0), x_tr.std(0)
x_tr, x_te = (x_tr - mean) / std, (x_te - mean) / std
y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)

net = nn.Sequential(nn.Linear(13, 24), nn.LayerNorm(24), nn.GELU(), nn.Linear(24, 3))
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.05)
for epoch in range(1, 61):
    loss = F.cross_entropy(net(x_tr), y_tr)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0 or epoch == 1:
        with torch.no_grad():
            out = net(x_te)
            val_acc = (out.argmax(1) == y_te).float().mean().item()
            val = F.cross_entropy(out, y_te).item()
        print(f"Epoch {epoch}: train {loss.item():.4f} | val {val:.4f} | acc {val_acc:.3f}")
