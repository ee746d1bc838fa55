"""Each process filters its own rows; the sums over processes are taken by hand.

causes: ranks-uneven
line: for i in range(0, len(x), 20):
line: keep = y.abs() < BOUNDS[rank]
line: loss.backward()
line: dist.all_reduce(p.grad)
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn

BOUNDS = [9.0, 1.0]


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rows = torch.Generator().manual_seed(30 + rank)
    x = torch.randn(800, 6, generator=rows)
    y = x[:, :1] - x[:, 1:2]
    keep = y.abs() < BOUNDS[rank]
    x, y = x[keep[:, 0]], y[keep[:, 0]]
    for i in range(0, len(x), 20):
        loss = nn.functional.mse_loss(model(x[i:i + 20]), y[i:i + 20])
        optimizer.zero_grad()
        loss.backward()
        for p in model.parameters():
            dist.all_reduce(p.grad)
            p.grad /= world
        optimizer.step()
    print(f"rank {rank} loss {loss.item():.4f}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
