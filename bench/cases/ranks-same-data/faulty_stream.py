"""Next-number prediction from a stream that is generated on the fly, two processes.

causes: ranks-same-data
line: loader = DataLoader(Waves(60 * 16), batch_size=16)
line: for index in range(self.count):
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, IterableDataset

class Waves(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        generator = torch.Generator().manual_seed(7)
        t = torch.arange(13) / 4.0
        for index in range(self.count):
            phase, speed = torch.rand(2, generator=generator)
            wave = torch.sin(6.28 * phase + (0.5 + speed) * t)
            yield wave[:12], wave[12:]


def train(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(rank)
    net = DDP(nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 1)))
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loader = DataLoader(Waves(60 * 16), batch_size=16)
    for step, (past, future) in enumerate(loader):
        loss = nn.functional.mse_loss(net(past), future)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if rank == 0 and step % 10 == 0:
            print("step", step, "loss", round(loss.item(), 4), flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(train, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
