"""A one-cycle run with fastai's Learner, accuracy after each epoch.

causes: none
needs: fastai
thread: own
"""

from fastai.callback.schedule import *
from fastai.basics import CrossEntropyLossFlat, DataLoaders, Learner, accuracy, set_seed
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)
centres = torch.randn(6, 16)
y = torch.randint(0, 6, (960,))
x = centres[y] + 1.2 * torch.randn(960, 16)
train, valid = TensorDataset(x[:768], y[:768]), TensorDataset(x[768:], y[768:])
dls = DataLoaders(DataLoader(train, 64, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 6))
learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), metrics=accuracy)
learn.fit_one_cycle(5, 1e-2)
