"""Wine cultivars with raw tensors and the cross entropy written out.

causes: softmax-before-cross-entropy
line: return softmax(hidden @ w2 + b2)
line: log_p = torch.log_softmax(predict(x), dim=1)
thread: https://github.com/eriklindernoren/PyTorch-YOLOv3/issues/108
"""
import torch
from sklearn.datasets import load_wine

torch.manual_seed(1)
features, cultivar = load_wine(return_X_y=True)
x = torch.tensor(features, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
t = torch.eye(3)[torch.tensor(cultivar)]

w1 = torch.randn(13, 16) * 0.3
b1 = torch.zeros(16)
w2 = torch.randn(16, 3) * 0.3
b2 = torch.zeros(3)
params = [w1, b1, w2, b2]
for p in params:
    p.requires_grad_()


def softmax(z):
    e = torch.exp(z - z.max(dim=1, keepdim=True).values)
    return e / e.sum(dim=1, keepdim=True)


def predict(x):
    hidden = torch.tanh(x @ w1 + b1)
    return softmax(hidden @ w2 + b2)


optimizer = torch.optim.Adam(params, lr=0.01)
for step in range(300):
    log_p = torch.log_softmax(predict(x), dim=1)
    loss = -(t * log_p).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print("step", step, "loss", round(loss.item(), 4))
