"""Digits with gradients averaged by hand, four processes.

causes: ranks-same-data
line: for rows in torch.randperm(len(x), generator=order).split(64):
line: loss = F.cross_entropy(net(x[rows]), y[rows])
line: order = torch.Generator().manual_seed(epoch)
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

def average(net, world):
    for p in net.parameters():
        dist.all_reduce(p.grad)
        p.grad /= world


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    digits = load_digits()
    x, y = torch.tensor(digits.data[:1280], dtype=torch.float32) / 16, torch.tensor(digits.target[:1280])
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.2)
    for epoch in range(3):
        total = 0.0
        order = torch.Generator().manual_seed(epoch)
        for rows in torch.randperm(len(x), generator=order).split(64):
            loss = F.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            average(net, world)
            opt.step()
            total += loss.item()
        if rank == 0:
            print("epoch", epoch, "loss", round(total / 20, 4), flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(4, os.path.join(folder, "meet")), nprocs=4, start_method="fork")
