"""Digits with torch.func: a stateless call of the module, gradients as a dictionary, plain updates.

causes: none
thread: own
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.func import functional_call, grad_and_value

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
params = {name: p.detach().clone() for name, p in net.named_parameters()}


def objective(params, xb, yb):
    return F.cross_entropy(functional_call(net, params, (xb,)), yb)


step_fn = grad_and_value(objective)
for epoch in range(12):
    losses = []
    for idx in torch.randperm(1400).split(50):
        grads, value = step_fn(params, x[idx], y[idx])
        params = {name: p - 0.3 * grads[name] for name, p in params.items()}
        losses.append(value.item())
    acc = (functional_call(net, params, (x[1400:],)).argmax(1) == y[1400:]).float().mean()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} held-out accuracy {acc:.3f}")
