"""Digits with a scikit-learn interface; the module gives probabilities and the criterion is named.

causes: softmax-before-cross-entropy
needs: skorch
line: nn.Softmax(dim=-1)
line: criterion=nn.CrossEntropyLoss
line: net.fit(
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


net = NeuralNetClassifier(
    Digits, criterion=nn.CrossEntropyLoss, max_epochs=5, lr=0.01, optimizer=torch.optim.Adam, batch_size=64
)
net.fit(x, y)
