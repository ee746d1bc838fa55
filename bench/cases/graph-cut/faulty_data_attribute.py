"""Softmax regression on wine with raw tensors and momentum SGD.

causes: graph-cut
line: z = x @ W.data + b
thread: https://github.com/pytorch/pytorch/pull/3876
"""
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
features, cultivar = load_wine(return_X_y=True)
features = (features - features.mean(0)) / features.std(0)
x, vx, y, vy = train_test_split(features, cultivar, test_size=40, random_state=1)
x, vx = (torch.tensor(a, dtype=torch.float32) for a in (x, vx))
y, vy = torch.tensor(y), torch.tensor(vy)

W = torch.randn(13, 3).mul(0.1).requires_grad_()
b = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.SGD([W, b], lr=0.1, momentum=0.9)


def log_probs(x):
    z = x @ W.data + b
    return z - z.logsumexp(dim=1, keepdim=True)


for step in range(101):
    loss = -log_probs(x)[torch.arange(len(x)), y].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            acc = (log_probs(vx).argmax(1) == vy).float().mean()
        print(f"step={step} loss={loss.item():.4f} val_acc={acc.item():.3f}")
