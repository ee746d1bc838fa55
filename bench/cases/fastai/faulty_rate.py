"""The largest learning rate of the cycle was read off the finder's plot with the wrong exponent.

causes: learning-rate-too-high
needs: fastai
line: learn.fit_one_cycle(
thread: own
"""

from fastai.callback.schedule import *
from fastai.basics import DataLoaders, Learner, set_seed
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(2)
centres = torch.randn(5, 12)
y = torch.randint(0, 5, (900,))
x = centres[y] + 0.6 * torch.randn(900, 12)
train, valid = TensorDataset(x[:768], y[:768]), TensorDataset(x[768:], y[768:])
dls = DataLoaders(DataLoader(train, 64, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
learn = Learner(dls, model, loss_func=F.cross_entropy)
learn.fit_one_cycle(4, 10.0)
