"""Two files of rows, one for each process.

causes: ranks-uneven
line: loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
line: ROWS = [480, 400]
line: loss.backward()
thread: https://github.com/pytorch/pytorch/issues/38174
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset

ROWS = [480, 400]


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(rank)
    x = torch.randn(ROWS[rank], 8)
    y = (x[:, 0] > x[:, 1]).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    model = DDP(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(1):
        for xb, yb in loader:
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if rank == 0:
            print(f"epoch {epoch} loss {loss.item():.4f}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
