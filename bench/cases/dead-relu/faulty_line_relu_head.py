"""Fit y = 2x - 1 with a 4-2-1 network, ReLU everywhere.

causes: dead-relu
line: x = F.relu(self.l3(x))
line: loss = criterion(model(xs), ys)
thread: https://community.deeplearning.ai/t/loss-values-do-not-change/324182
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)


class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(1, 4)
        self.l2 = nn.Linear(4, 2)
        self.l3 = nn.Linear(2, 1)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        x = F.relu(self.l3(x))
        return x


xs = torch.tensor([[-1.0], [0.0], [1.0], [2.0], [3.0], [4.0]])
ys = 2 * xs - 1

model = TinyNet()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(500):
    loss = criterion(model(xs), ys)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 50 == 0:
        print(f"Epoch {epoch}/500 loss: {loss.item():.4f}")

print("prediction for 10:", model(torch.tensor([[10.0]])).item())
