"""A classifier of clouds through skorch, with the learning rate of a linear model.

causes: learning-rate-too-high
needs: skorch
line: lr=30.0
line: net.fit(x, y)
thread: own
"""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

torch.manual_seed(2)
rng = np.random.default_rng(2)
centres = rng.normal(size=(5, 12))
y = rng.integers(0, 5, 800)
x = (centres[y] + 0.7 * rng.normal(size=(800, 12))).astype("float32")

net = NeuralNetClassifier(
    nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)),
    criterion=nn.CrossEntropyLoss,
    lr=30.0,
    max_epochs=5,
    batch_size=64,
)
net.fit(x, y)
