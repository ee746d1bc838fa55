"""Gradients accumulated and clipped by callbacks, targets as a column.

causes: none
needs: fastai
thread: own
"""

from fastai.basics import DataLoaders, Learner, set_seed
from fastai.callback.training import GradientAccumulation, GradientClip
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(2)
x = torch.randn(768, 7)
y = (2 * x[:, 0] - x[:, 1] * x[:, 2] + 0.1 * torch.randn(768))[:, None]
train, valid = TensorDataset(x[:640], y[:640]), TensorDataset(x[640:], y[640:])
dls = DataLoaders(DataLoader(train, 16, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 1))
learn = Learner(dls, model, loss_func=F.mse_loss, cbs=[GradientAccumulation(32), GradientClip(1.0)])
learn.fit(5, 3e-3)
