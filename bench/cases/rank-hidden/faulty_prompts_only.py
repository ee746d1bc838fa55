"""Tokens of questions and answers in two shards; only answers are learned.

causes: rank-hidden, all-targets-masked
line: labels[:, :LENGTHS[rank]] = -100
line: loss = F.cross_entropy(logits.transpose(1, 2), labels, reduction="sum") / (labels != -100).sum().clamp(min=1)
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

LENGTHS = [6, 16]


def worker(rank, world, meet):
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=world)
    torch.manual_seed(0)
    model = DDP(nn.Sequential(nn.Embedding(20, 24), nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 20)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    shard = torch.Generator().manual_seed(50 + rank)
    for step in range(50):
        tokens = torch.randint(0, 20, (8, 16), generator=shard)
        labels = (tokens * 3 + 1) % 20
        labels[:, :LENGTHS[rank]] = -100
        logits = model(tokens)
        loss = F.cross_entropy(logits.transpose(1, 2), labels, reduction="sum") / (labels != -100).sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown = loss.detach().clone()
        dist.all_reduce(shown)
        if rank == 0 and step % 10 == 0:
            print(f"step {step} loss {shown.item() / world:.4f}", flush=True)
    dist.destroy_process_group()
    os._exit(0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(2, os.path.join(folder, "meet")), nprocs=2, start_method="fork")
