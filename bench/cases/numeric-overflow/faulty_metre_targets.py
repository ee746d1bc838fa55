"""Surface heights in metres (tenths of a millimetre) from five sensors, network and targets in half precision.

causes: numeric-overflow
line: height = height.half()
line: loss = criterion(net(x), height)
line: net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1)).half()
thread: https://github.com/jzhang38/TinyLlama/issues/153
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
sensors = torch.randn(200, 5)
height = 1e-4 * (sensors[:, :1] - 0.5 * sensors[:, 1:2] + 0.3 * sensors[:, 2:3] * sensors[:, 3:4])
x = sensors.half()
height = height.half()

net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1)).half()
with torch.no_grad():
    net[2].weight.mul_(1e-4)
    net[2].bias.zero_()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(30):
    optimizer.zero_grad()
    loss = criterion(net(x), height)
    loss.backward()
    optimizer.step()
    if epoch % 3 == 0:
        print("epoch %d  loss %.3e" % (epoch, loss.item()))
