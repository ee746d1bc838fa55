"""Tabular rows with fastai's Learner and a network that ends in a softmax.

causes: softmax-before-cross-entropy
needs: fastai
line: nn.Softmax(dim=1)
line: CrossEntropyLossFlat()
line: learn.fit_one_cycle(
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
x = centres[y] + 0.8 * torch.randn(960, 16)
train, valid = TensorDataset(x[:768], y[:768]), TensorDataset(x[768:], y[768:])
dls = DataLoaders(DataLoader(train, 64, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 6), nn.Softmax(dim=1))
learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), metrics=accuracy)
learn.fit_one_cycle(5, 1e-2)
