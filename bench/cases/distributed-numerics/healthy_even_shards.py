"""Two gloo processes train one classifier on the digits; each takes its part of every global batch.

causes: none
thread: https://github.com/hiyouga/LlamaFactory/issues/8137
"""
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

PER_RANK = 32


def train(rank, world, rendezvous):
    dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank, world_size=world)
    digits = load_digits()
    x = torch.tensor(digits.data[:1500], dtype=torch.float32) / 16
    y = torch.tensor(digits.target[:1500])
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    order = torch.Generator().manual_seed(1)
    for epoch in range(5):
        losses = []
        for batch in torch.randperm(len(x), generator=order).split(PER_RANK * world):
            rows = batch[rank::world]
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            for p in model.parameters():
                dist.all_reduce(p.grad)
                p.grad /= world
            optimizer.step()
            losses.append(loss.item())
        if rank == 0:
            print("Epoch %d/5 loss: %.4f" % (epoch + 1, sum(losses) / len(losses)), flush=True)
    dist.destroy_process_group()


def main():
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(train, args=(2, os.path.join(folder, "rendezvous")), nprocs=2, start_method="fork")


if __name__ == "__main__":
    main()
