"""Linear regression on the diabetes table, written with plain tensors.

Inputs and target are standardised; gradient descent over the full table.

causes: learning-rate-too-high
line: learning_rate = 1.2
line: w -= learning_rate * w.grad
thread: own
"""
import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
bunch = load_diabetes()
X = torch.tensor(StandardScaler().fit_transform(bunch.data), dtype=torch.float32)
y = torch.tensor(StandardScaler().fit_transform(bunch.target.reshape(-1, 1)), dtype=torch.float32)

w = (0.1 * torch.randn(10, 1)).requires_grad_()
b = torch.zeros(1, requires_grad=True)
learning_rate = 1.2
history = []

for it in range(200):
    pred = X @ w + b
    loss = ((pred - y) ** 2).mean()
    history.append(loss.item())
    loss.backward()
    with torch.no_grad():
        w -= learning_rate * w.grad
        b -= learning_rate * b.grad
    w.grad = None
    b.grad = None
    if it % 10 == 0:
        print(f"iteration {it:4d}  mse {loss.item():.4f}")

print("first / last:", history[0], history[-1])
