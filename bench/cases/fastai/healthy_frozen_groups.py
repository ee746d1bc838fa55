"""Fine-tuning as fastai does it: the first group frozen, then all with discriminative rates.

causes: none
needs: fastai
thread: own
"""

from fastai.callback.schedule import *
from fastai.basics import DataLoaders, Learner, accuracy, params, set_seed
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

set_seed(1)
centres = torch.randn(4, 10)
y = torch.randint(0, 4, (800,))
x = centres[y] + torch.randn(800, 10)
train, valid = TensorDataset(x[:640], y[:640]), TensorDataset(x[640:], y[640:])
dls = DataLoaders(DataLoader(train, 32, shuffle=True), DataLoader(valid, 80))
trunk, head = nn.Sequential(nn.Linear(10, 64), nn.ReLU()), nn.Linear(64, 4)
model = nn.Sequential(trunk, head)
learn = Learner(
    dls, model, loss_func=F.cross_entropy, metrics=accuracy, splitter=lambda m: [params(m[0]), params(m[1])]
)
learn.fine_tune(4, 1e-2, freeze_epochs=1)
