"""Digits with probabilities and the criterion that skorch takes the logarithm for.

causes: none
needs: skorch
thread: own
"""

import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target


class Digits(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10), nn.Softmax(dim=-1))

    def forward(self, x):
        return self.layers(x)


net = NeuralNetClassifier(Digits, max_epochs=6, lr=0.01, optimizer=torch.optim.Adam, batch_size=64)
net.fit(x, y)
print(f"accuracy {net.score(x, y):.3f}")
