"""Digits over four processes, three micro-batches for each step.

causes: gradients-averaged-twice
line: loss = loss / (MICRO * dist.get_world_size())
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.nn.parallel import DistributedDataParallel as DDP

MICRO = 3


def train(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    digits = load_digits()
    x = torch.tensor(digits.data[rank::world][:384], dtype=torch.float32) / 16
    y = torch.tensor(digits.target[rank::world][:384])
    torch.manual_seed(2)
    net = DDP(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(4):
        for number, rows in enumerate(torch.arange(384).split(16), 1):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss = loss / (MICRO * dist.get_world_size())
            loss.backward()
            if number % MICRO == 0:
                opt.step()
                opt.zero_grad()
        if rank == 0:
            print("epoch", epoch, "loss", round(loss.item() * MICRO * world, 4), flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(train, args=(4, os.path.join(folder, "meet")), nprocs=4, start_method="fork")
