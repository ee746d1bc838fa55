"""A layer that is too wide for one process: each holds half of its units, and all see the same batch.

causes: none
thread: https://arxiv.org/abs/1909.08053
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.distributed.nn.functional as across

class Half(nn.Module):
    def __init__(self, inputs, units, outputs, world):
        super().__init__()
        self.up = nn.Linear(inputs, units // world)
        self.down = nn.Linear(units // world, outputs, bias=False)

    def forward(self, x):
        return across.all_reduce(self.down(torch.relu(self.up(x))))


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(20 + rank)
    model = Half(12, 64, 1, world)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = torch.Generator().manual_seed(3)
    for step in range(80):
        x = torch.randn(32, 12, generator=data)
        y = 2.0 * x[:, :1] - x[:, 1:2]
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0 and step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
