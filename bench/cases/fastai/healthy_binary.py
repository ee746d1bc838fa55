"""One output, a loss for logits, and SGD with momentum.

causes: none
needs: fastai
thread: own
"""

from fastai.basics import BCEWithLogitsLossFlat, DataLoaders, Learner, SGD, accuracy_multi, partial, set_seed
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(3)
x = torch.randn(800, 12)
y = (x[:, :1] + 0.7 * x[:, 1:2] + 0.4 * torch.randn(800, 1) > 0.2).float()
train, valid = TensorDataset(x[:640], y[:640]), TensorDataset(x[640:], y[640:])
dls = DataLoaders(DataLoader(train, 32, shuffle=True), DataLoader(valid, 80))
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
learn = Learner(
    dls, model, loss_func=BCEWithLogitsLossFlat(), opt_func=partial(SGD, mom=0.9), metrics=accuracy_multi
)
learn.fit(5, 0.05)
