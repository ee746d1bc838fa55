"""Wine cultivars with raw tensors: one hidden layer, class probabilities, full-batch updates by hand.

causes: symmetric-initialization, softmax-before-cross-entropy
line: W1 = torch.full((13, 24), 0.1, requires_grad=True)
line: W2 = torch.full((24, 3), 0.1, requires_grad=True)
line: p = torch.softmax(hidden @ W2 + b2, dim=1)
line: loss = F.cross_entropy(p, y)
thread: https://github.com/NaJaeMin92/pytorch-DANN/issues/7
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(scale(wine.data), dtype=torch.float32)
y = torch.tensor(wine.target)

W1 = torch.full((13, 24), 0.1, requires_grad=True)
b1 = torch.zeros(24, requires_grad=True)
W2 = torch.full((24, 3), 0.1, requires_grad=True)
b2 = torch.zeros(3, requires_grad=True)
params = [W1, b1, W2, b2]

for step in range(401):
    hidden = torch.tanh(x @ W1 + b1)
    p = torch.softmax(hidden @ W2 + b2, dim=1)
    loss = F.cross_entropy(p, y)
    loss.backward()
    with torch.no_grad():
        for w in params:
            w -= 0.1 * w.grad
            w.grad = None
    if step % 50 == 0:
        accuracy = (p.argmax(1) == y).float().mean().item()
        print(f"step {step:3d} loss {loss.item():.4f} accuracy {accuracy:.3f}")
