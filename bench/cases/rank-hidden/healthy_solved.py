"""Two separable classes and a hinge loss: it reaches 0 on both processes, and that is the end of it.

causes: none
expected: honest-fit
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel as DDP

def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    model = DDP(nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    points = torch.Generator().manual_seed(rank)
    x = torch.randn(64, 2, generator=points)
    side = torch.where(x[:, :1] + x[:, 1:2] > 0, 1.0, -1.0)
    x = x + 3.0 * side
    for step in range(60):
        loss = torch.clamp(1 - side * model(x), min=0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0 and step % 10 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
