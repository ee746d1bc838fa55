"""Fit three periods of a sine with gradient descent on raw tensors.

causes: insufficient-capacity
line: return x * slope + offset
line: slope = torch.zeros(1, requires_grad=True)
thread: textbook
"""
import torch

torch.manual_seed(0)
x = torch.linspace(-1, 1, 200)
y = torch.sin(3 * torch.pi * x) + 0.05 * torch.randn(200)

slope = torch.zeros(1, requires_grad=True)
offset = torch.zeros(1, requires_grad=True)


def curve(x):
    return x * slope + offset


opt = torch.optim.SGD([slope, offset], lr=0.1)
history = []
for step in range(501):
    loss = (curve(x) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.append(loss.item())
    if step % 50 == 0:
        print(f"step {step:3d} mse {history[-1]:.4f}")
print("best", min(history))
