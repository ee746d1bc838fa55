"""An autoencoder whose targets are its inputs.

causes: none
thread: own
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(3)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)

ae = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())
opt = torch.optim.Adam(ae.parameters(), lr=3e-3)
for epoch in range(8):
    tot = 0
    for (xb,) in DataLoader(TensorDataset(X), 64, shuffle=True):
        loss = F.binary_cross_entropy(ae(xb), xb)
        opt.zero_grad(); loss.backward(); opt.step(); tot += loss.item()
    print(f"epoch {epoch} rec {tot/29:.4f}")
