"""A classifier whose number of classes was counted in the wrong column.

causes: one-class-softmax
needs: fastai
line: nn.Linear(64, classes)
line: classes = 
line: learn.fit(
thread: own
"""

from fastai.basics import DataLoaders, Learner, set_seed
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(1)
rows = torch.randn(640, 9)
rows[:, 8] = (rows[:, 0] > 0).float()
x, y = rows[:, :8], rows[:, 8:]
classes = y.shape[1]
train, valid = TensorDataset(x[:512], y[:512]), TensorDataset(x[512:], y[512:])
dls = DataLoaders(DataLoader(train, 32, shuffle=True), DataLoader(valid, 64))
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, classes))
learn = Learner(dls, model, loss_func=F.cross_entropy)
learn.fit(3, 1e-3)
