"""Diabetes regression with raw tensors; the learning rate is scaled with the batch size.

causes: learning-rate-zero
line: lr = round(BASE_LR * batch_size / 256, 2)
thread: https://github.com/tensorflow/tensorflow/issues/48308
"""
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
BASE_LR = 0.05
batch_size = 16
lr = round(BASE_LR * batch_size / 256, 2)

X, t = load_diabetes(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
t = torch.tensor((t - t.mean()) / t.std(), dtype=torch.float32)

hidden = (torch.randn(10, 12) / 10 ** 0.5).requires_grad_()
readout = (torch.randn(12) / 12 ** 0.5).requires_grad_()
optimizer = torch.optim.SGD([hidden, readout], lr=lr, momentum=0.9)


def loss_on(rows):
    prediction = torch.tanh(X[rows] @ hidden) @ readout
    return (prediction - t[rows]).square().mean()


for epoch in range(20):
    order = torch.randperm(400)
    for rows in order.split(batch_size):
        loss = loss_on(rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        train, val = loss_on(torch.arange(400)), loss_on(torch.arange(400, 442))
    if epoch % 2 == 0:
        print(f"epoch {epoch:2d} train_loss={train:.4f} val_loss={val:.4f}")
