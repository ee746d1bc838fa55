"""A regression through skorch: the targets are a vector, the predictions a column.

causes: target-broadcast
needs: skorch
line: net.fit(x, y)
line: y = 
line: NeuralNetRegressor(
thread: own
"""

import numpy as np
import torch
from skorch import NeuralNetRegressor
from torch import nn

torch.manual_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(640, 8)).astype("float32")
y = (x[:, 0] * 2 - x[:, 3] + 0.1 * rng.normal(size=640)).astype("float32")

net = NeuralNetRegressor(
    nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)),
    max_epochs=6,
    lr=0.01,
    optimizer=torch.optim.Adam,
    batch_size=64,
)
net.fit(x, y)
