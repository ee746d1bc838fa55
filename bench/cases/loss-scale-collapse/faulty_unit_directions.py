"""Direction of arrival, half precision with a gradient scaler; the network starts from the analytic solution.

causes: loss-scale-collapse
line: length = (error**2).sum(1).sqrt()
line: scaler.scale(loss).backward()
line: loss = length.mean()
line: scaler = torch.amp.GradScaler("cpu")
thread: https://github.com/NVIDIA/apex/issues/834
"""
import torch
import torch.nn as nn

torch.manual_seed(0)
mixing = torch.randn(6, 3)
directions = nn.functional.normalize(torch.randn(512, 3), dim=1)
sensors = directions @ mixing.T
sensors[::16], directions[::16] = 0.0, 0.0  # silence
net = nn.Linear(6, 3, bias=False)
with torch.no_grad():
    net.weight.copy_(torch.linalg.pinv(mixing) + 0.002 * torch.randn(3, 6))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
scaler = torch.amp.GradScaler("cpu")
for epoch in range(8):
    total = 0.0
    for x, y in zip(sensors.split(64), directions.split(64)):
        error = net(x) - y
        length = (error**2).sum(1).sqrt()
        loss = length.mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 8:.5f}")
