"""Benign or malignant: a logistic model by hand with a squared error on probabilities.

causes: saturated-activations
line: X = torch.from_numpy(data.data).float()
line: p = torch.sigmoid(x @ w + b)
thread: own
"""
import torch
from sklearn.datasets import load_breast_cancer

torch.manual_seed(2)
data = load_breast_cancer()
X = torch.from_numpy(data.data).float()
t = torch.from_numpy(data.target).float()

w = torch.randn(30).requires_grad_()
b = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.RMSprop([w, b], lr=0.01)


def batches(n, size):
    order = torch.randperm(n)
    return [order[i:i + size] for i in range(0, n, size)]


def forward(x):
    p = torch.sigmoid(x @ w + b)
    return p


for epoch in range(20):
    epoch_loss = 0.0
    correct = 0
    for idx in batches(len(X), 50):
        p = forward(X[idx])
        loss = ((p - t[idx]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx)
        correct += ((p > 0.5).float() == t[idx]).sum().item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: brier {epoch_loss / len(X):.4f}, accuracy {correct / len(X):.3f}")
