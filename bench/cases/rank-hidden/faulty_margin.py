"""Ranking with a margin; the second process draws its negatives from another list.

causes: rank-hidden, inactive-margin
line: far = torch.randn(32, 10, generator=pairs) * SPREAD[rank]
line: loss = F.triplet_margin_loss(model(anchor), model(near), model(far), margin=0.5)
line: SPREAD = [1.0, 400.0]
line: loss.backward()
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

SPREAD = [1.0, 400.0]


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    model = DDP(nn.Linear(10, 6))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    pairs = torch.Generator().manual_seed(rank)
    for step in range(60):
        anchor = torch.randn(32, 10, generator=pairs)
        near = anchor + 0.7 * torch.randn(32, 10, generator=pairs)
        far = torch.randn(32, 10, generator=pairs) * SPREAD[rank]
        loss = F.triplet_margin_loss(model(anchor), model(near), model(far), margin=0.5)
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
