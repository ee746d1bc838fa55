"""Time series in their own order: the sampler does not shuffle, so there is no epoch to tell it of.

causes: none
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(768, 12, generator=generator)
    y = 2.0 * x[:, :1] - x[:, 1:2] * x[:, 2:3] + 1.0
    dataset = TensorDataset(x, y)
    sampler = DistributedSampler(dataset, world, rank, shuffle=False)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    model = DDP(nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    criterion = nn.MSELoss()
    for epoch in range(4):
        for xb, yb in loader:
            loss = criterion(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if rank == 0:
            print(f"epoch {epoch} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
