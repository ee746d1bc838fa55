"""A regression through skorch with targets as a column, early stopping and clipped gradients.

causes: none
needs: skorch
thread: own
"""

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import EarlyStopping, GradientNormClipping
from torch import nn

torch.manual_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(640, 8)).astype("float32")
y = (x[:, :1] * 2 - x[:, 3:4] + 0.1 * rng.normal(size=(640, 1))).astype("float32")

net = NeuralNetRegressor(
    nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)),
    max_epochs=8,
    lr=0.01,
    optimizer=torch.optim.Adam,
    batch_size=64,
    callbacks=[EarlyStopping(patience=4), GradientNormClipping(1.0)],
)
net.fit(x, y)
