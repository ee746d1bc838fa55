"""Breast cancer screening with a two-layer model written by hand.

No nn.Module: weights are plain tensors and the loss is the formula from the lecture.

causes: one-class-softmax
line: p = torch.softmax(scores, dim=1)
line: loss = -(t * torch.log(p)).sum(1).mean()
line: W2 = (0.1 * torch.randn(16, 1)).requires_grad_()
thread: https://github.com/keras-team/keras/issues/14296
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)

data = load_breast_cancer()
x = torch.from_numpy(StandardScaler().fit_transform(data.data)).float()
t = torch.from_numpy(data.target).float().reshape(-1, 1)

W1 = (0.1 * torch.randn(30, 16)).requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
W2 = (0.1 * torch.randn(16, 1)).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
params = [W1, b1, W2, b2]
lr = 0.1

for step in range(200):
    h = torch.tanh(x @ W1 + b1)
    scores = h @ W2 + b2
    p = torch.softmax(scores, dim=1)
    loss = -(t * torch.log(p)).sum(1).mean()
    loss.backward()
    with torch.no_grad():
        for w in params:
            w -= lr * w.grad
            w.grad.zero_()
    if step % 40 == 0 or step == 199:
        acc = ((torch.sigmoid(scores) > 0.5).float() == t).float().mean().item()
        print("step %3d  loss %.5f  accuracy %.3f" % (step, loss.item(), acc))
