"""Locates one bump in a signal with 1-D anchors: smooth L1 on the offsets of matched anchors.

causes: no-positive-targets
line: low, high = centre - half, centre + half
line: ANCHORS = torch.stack([torch.arange(0, 64, 4), torch.arange(0, 64, 4) + 12], 1).float()
line: positive = iou(ANCHORS, box) > 0.4
thread: https://github.com/ultralytics/yolov5/issues/7634
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

ANCHORS = torch.stack([torch.arange(0, 64, 4), torch.arange(0, 64, 4) + 12], 1).float()


def signals(n):
    centre = 0.2 + 0.6 * torch.rand(n, 1)
    half = 0.08 + 0.04 * torch.rand(n, 1)
    t = (torch.arange(64) + 0.5) / 64
    signal = ((t - centre).abs() < half).float() + 0.1 * torch.randn(n, 64)
    low, high = centre - half, centre + half
    return signal.unsqueeze(1), torch.cat([low, high], 1)


def iou(anchors, box):
    inter = (torch.minimum(anchors[:, 1], box[1]) - torch.maximum(anchors[:, 0], box[0])).clamp(min=0)
    union = (anchors[:, 1] - anchors[:, 0]) + (box[1] - box[0]) - inter
    return inter / union


def regression_loss(offsets, boxes):
    losses = []
    for offset, box in zip(offsets, boxes):
        positive = iou(ANCHORS, box) > 0.4
        wanted = (box - ANCHORS[positive]) / 12
        losses.append(F.smooth_l1_loss(offset[positive], wanted, reduction="sum"))
    return torch.stack(losses).mean()


class AnchorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 7, padding=3)
        self.conv2 = nn.Conv1d(12, 2, 16, stride=4, padding=6)

    def forward(self, x):
        return self.conv2(torch.relu(self.conv1(x))).transpose(1, 2)


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(*signals(128)), batch_size=16, shuffle=True)
    net = AnchorNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(5):
        total = 0.0
        for signal, box in loader:
            loss = regression_loss(net(signal), box)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"Epoch {epoch + 1}/5  box_loss {total / len(loader):.5f}")
