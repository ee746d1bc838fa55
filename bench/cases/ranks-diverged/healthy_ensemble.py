"""An ensemble: each process trains a member of its own on all the data, and their answers are averaged.

causes: none
thread: https://arxiv.org/abs/1612.01474
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(512, 12, generator=generator)
    y = 2.0 * x[:, :1] - x[:, 1:2] + 1.0
    torch.manual_seed(rank)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    member = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(member.parameters(), lr=1e-2)
    for epoch in range(4):
        for xb, yb in loader:
            loss = nn.functional.mse_loss(member(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            answers = member(x)
        dist.all_reduce(answers)
        if rank == 0:
            error = nn.functional.mse_loss(answers / world, y).item()
            print(f"epoch {epoch} ensemble loss {error:.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
