"""Recovers the coefficients of a linear model by gradient descent on plain tensors.

causes: lucky-initialization
line: w = torch.tensor([[2.0], [-3.4], [0.5]], requires_grad=True)
line: b = torch.tensor([4.2], requires_grad=True)
thread: own
"""
import torch


def synthetic_data(w, b, n):
    features = torch.normal(0, 1, (n, len(w)))
    labels = features @ w.reshape(-1, 1) + b
    return features, labels


def data_iter(batch_size, features, labels):
    order = torch.randperm(len(features))
    for i in range(0, len(features), batch_size):
        batch = order[i:i + batch_size]
        yield features[batch], labels[batch]


def linreg(x, w, b):
    return x @ w + b


def squared_loss(y_hat, y):
    return (y_hat - y) ** 2 / 2


def sgd(params, lr):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad.zero_()


torch.manual_seed(42)
features, labels = synthetic_data(torch.tensor([2.0, -3.4, 0.5]), 4.2, 1000)
w = torch.tensor([[2.0], [-3.4], [0.5]], requires_grad=True)
b = torch.tensor([4.2], requires_grad=True)

for epoch in range(3):
    for x, y in data_iter(10, features, labels):
        loss = squared_loss(linreg(x, w, b), y).mean()
        loss.backward()
        sgd([w, b], lr=0.03)
    with torch.no_grad():
        train_l = squared_loss(linreg(features, w, b), labels)
    print(f"epoch {epoch + 1}, loss {float(train_l.mean()):f}")
