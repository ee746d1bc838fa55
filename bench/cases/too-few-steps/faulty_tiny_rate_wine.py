"""Wine cultivar classification, logistic regression written with tensors.

causes: too-few-steps
line: optimizer = torch.optim.SGD([W, b], lr=1e-6, momentum=0.9)
line: for epoch in range(50):
thread: own
"""
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(8)
wine = load_wine()
features = torch.tensor(StandardScaler().fit_transform(wine.data), dtype=torch.float32)
one_hot = torch.eye(3)[torch.tensor(wine.target)]

W = (0.01 * torch.randn(13, 3)).requires_grad_()
b = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.SGD([W, b], lr=1e-6, momentum=0.9)


def forward(x):
    return torch.log_softmax(x @ W + b, dim=1)


for epoch in range(50):
    log_p = forward(features)
    loss = -(one_hot * log_p).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        acc = (log_p.argmax(1) == one_hot.argmax(1)).float().mean()
        print(f"Epoch {epoch + 1}/50 loss: {loss.item():.4f} acc: {acc:.2f}")
