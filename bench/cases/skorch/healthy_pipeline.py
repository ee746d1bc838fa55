"""A scaler and a network in a pipeline, with a learning-rate schedule.

causes: none
needs: skorch
thread: own
"""

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import LRScheduler
from torch import nn

torch.manual_seed(2)
rng = np.random.default_rng(2)
x = (50 + 20 * rng.normal(size=(800, 6))).astype("float32")
y = (x[:, 0] - x[:, 1] + 8 * rng.normal(size=800) > 5).astype("float32")

net = NeuralNetBinaryClassifier(
    nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0)),
    optimizer=torch.optim.AdamW,
    lr=0.01,
    max_epochs=6,
    batch_size=64,
    callbacks=[LRScheduler(policy="StepLR", step_size=3, gamma=0.5)],
)
make_pipeline(StandardScaler(), net).fit(x, y)
