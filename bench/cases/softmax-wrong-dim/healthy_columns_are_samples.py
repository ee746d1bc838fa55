"""Softmax regression in the textbook layout: one column per sample, one row per class.

causes: none
thread: own
"""
import torch
from sklearn.datasets import load_digits

torch.manual_seed(4)
d = load_digits()
perm = torch.randperm(len(d.target))
X = torch.tensor(d.data, dtype=torch.float32)[perm].T / 16.0     # 64 x N
Y = torch.tensor(d.target)[perm]
Xtr, Ytr, Xva, Yva = X[:, :1400], Y[:1400], X[:, 1400:], Y[1400:]
T = torch.eye(10)[Ytr].T                                          # 10 x N

W = (0.05 * torch.randn(10, 64)).requires_grad_()
b = torch.zeros(10, 1, requires_grad=True)
opt = torch.optim.SGD([W, b], lr=0.5, momentum=0.9)


def forward(x):
    return torch.log_softmax(W @ x + b, dim=0)


for epoch in range(1, 101):
    log_p = forward(Xtr)
    loss = -(T * log_p).sum(0).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 10 == 0 or epoch == 1:
        with torch.no_grad():
            acc = (forward(Xva).argmax(0) == Yva).float().mean().item()
        print(f"[{epoch:3d}] loss={loss.item():.4f} val_acc={acc:.3f}")
