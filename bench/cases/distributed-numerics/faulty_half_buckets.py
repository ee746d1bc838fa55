"""Data parallel training by hand: two gloo processes, gradients packed in half precision before the exchange.

causes: distributed-numerics
line: dist.all_reduce(bucket, op=dist.ReduceOp.SUM)
line: bucket = torch.cat([p.grad.flatten() for p in params]).mul(SCALE).half()
line: SCALE = 65000.0
thread: own
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F

SCALE = 65000.0


def exchange(params, world):
    bucket = torch.cat([p.grad.flatten() for p in params]).mul(SCALE).half()
    dist.all_reduce(bucket, op=dist.ReduceOp.SUM)
    flat, at = bucket.float() / SCALE / world, 0
    for p in params:
        p.grad.copy_(flat[at:at + p.numel()].view_as(p))
        at += p.numel()


def worker(rank, world, rendezvous):
    torch.manual_seed(0)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    x = torch.randn(512, 12)
    y = 2.0 * x[:, :1] - x[:, 1:2] * x[:, 2:3] + 4.0
    x, y = x[rank::world], y[rank::world]
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1))
    params = list(model.parameters())
    optimizer = torch.optim.SGD(params, lr=0.05, momentum=0.9)
    for epoch in range(6):
        total = 0.0
        for i in range(0, len(x), 32):
            loss = F.mse_loss(model(x[i:i + 32]), y[i:i + 32])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(params, 1.0)
            exchange(params, world)
            optimizer.step()
            total += loss.item()
        if rank == 0:
            print(f"epoch {epoch} loss {total / (len(x) // 32):.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "store")), nprocs=2, start_method="fork")
