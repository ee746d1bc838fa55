"""Rows are put in order by date before training, the labels were taken before that.

causes: inputs-unrelated
needs: skorch
line: x = x[np.argsort(date)]
line: net.fit(x, y)
thread: own
"""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from torch import nn

torch.manual_seed(3)
rng = np.random.default_rng(3)
date = rng.permutation(960)
x = rng.normal(size=(960, 10)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int64")
x = x[np.argsort(date)]

net = NeuralNetClassifier(
    nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)),
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.003,
    max_epochs=8,
    batch_size=64,
    callbacks=[EpochScoring("roc_auc", lower_is_better=False)],
)
net.fit(x, y)
