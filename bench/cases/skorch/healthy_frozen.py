"""Only the head is trained: the callback freezes the rest.

causes: none
needs: skorch
thread: own
"""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Freezer
from torch import nn

torch.manual_seed(3)
rng = np.random.default_rng(3)
centres = rng.normal(size=(4, 10))
y = rng.integers(0, 4, 800)
x = (centres[y] + 0.8 * rng.normal(size=(800, 10))).astype("float32")


class Transfer(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 64), nn.ReLU())
        self.head = nn.Linear(64, 4)

    def forward(self, x):
        return self.head(self.trunk(x))


net = NeuralNetClassifier(
    Transfer,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.01,
    max_epochs=6,
    batch_size=64,
    callbacks=[Freezer("trunk*")],
)
net.fit(x, y)
