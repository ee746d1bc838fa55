"""A regression with a column of predictions and a vector of targets.

causes: target-broadcast
needs: fastai
line: loss_func=F.mse_loss
line: TensorDataset(x[:512], y[:512])
line: learn.fit(
thread: own
"""

from fastai.basics import DataLoaders, Learner, set_seed
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(3)
x = torch.randn(640, 7)
y = 2 * x[:, 0] - x[:, 1] + 0.1 * torch.randn(640)
train = TensorDataset(x[:512], y[:512])
valid = TensorDataset(x[512:], y[512:])
dls = DataLoaders(DataLoader(train, 32, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 1))
learn = Learner(dls, model, loss_func=F.mse_loss)
learn.fit(6, 1e-2)
