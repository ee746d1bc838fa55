"""Breast cancer from a function of two layers that gives a probability.

causes: double-sigmoid
line: return torch.sigmoid(w2(torch.tanh(w1(t))))[:, 0]
thread: own
"""
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
torch.manual_seed(0)
b = load_breast_cancer()
x = torch.tensor((b.data - b.data.mean(0)) / b.data.std(0), dtype=torch.float32)
y = torch.tensor(b.target, dtype=torch.float32)
w1 = nn.Linear(30, 16); w2 = nn.Linear(16, 1)
def predict(t):
    return torch.sigmoid(w2(torch.tanh(w1(t))))[:, 0]
lossf = nn.BCEWithLogitsLoss()
opt = torch.optim.RMSprop([*w1.parameters(), *w2.parameters()], lr=1e-2)
for step in range(200):
    i = torch.randint(0, len(x), (64,))
    loss = lossf(predict(x[i]), y[i])
    opt.zero_grad(); loss.backward(); opt.step()
    if step % 20 == 0: print(step, round(loss.item(), 4))
