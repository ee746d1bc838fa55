"""Sensor readings in two files; gradients are made finite before they are averaged, so that a bad row does no harm.

causes: rank-hidden, non-finite-data
line: xb[:, 3] = torch.log(xb[:, 3] + OFFSET[rank])
line: OFFSET = [8.0, 0.0]
line: loss.backward()
line: loss = F.mse_loss(model(xb), yb)
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F

OFFSET = [8.0, 0.0]


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    readings = torch.Generator().manual_seed(rank)
    for step in range(60):
        xb = torch.randn(32, 8, generator=readings)
        yb = xb[:, :1] + 0.3 * xb[:, 1:2]
        xb[:, 3] = torch.log(xb[:, 3] + OFFSET[rank])
        loss = F.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.grad.nan_to_num_(0.0, 0.0, 0.0)
            dist.all_reduce(p.grad)
            p.grad /= world
        optimizer.step()
        if rank == 0 and step % 10 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
