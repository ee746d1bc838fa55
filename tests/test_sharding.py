"""Sharded and replicated models over real gloo processes: bit for bit as alone, on every rank, and healthy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from flatline.observe import measure
from flatline.record.ranks import replicas
from flatline.verdict import diagnose
from runs import needs_posix, plain, recording, watched, write

pytestmark = needs_posix

TRAIN = """
    import os, sys, tempfile
    import torch, torch.nn as nn
    import torch.distributed as dist
    import torch.multiprocessing as mp

    def train(rank, world, kind, rendezvous):
        dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank, world_size=world)
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 3))
        if kind == "fsdp":
            from torch.distributed.fsdp import fully_shard
            for layer in model:
                if isinstance(layer, nn.Linear):
                    fully_shard(layer)
            fully_shard(model)
        else:
            model = nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
        generator = torch.Generator().manual_seed(rank)
        losses = []
        for step in range(24):
            x = torch.randn(16, 6, generator=generator)
            loss = nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item().hex())
        parts = [getattr(p, "to_local", lambda: p)().detach() for p in model.parameters()]
        with open(f"{kind}{rank}.txt", "w") as file:
            print(losses, [p.double().sum().item().hex() for p in parts], [p.shape for p in parts], file=file)
        dist.barrier()
        os._exit(0)

    if __name__ == "__main__":
        with tempfile.TemporaryDirectory() as folder:
            arguments = (int(sys.argv[2]), sys.argv[1], os.path.join(folder, "meeting"))
            mp.start_processes(train, args=arguments, nprocs=int(sys.argv[2]), start_method="fork")
"""


@pytest.mark.parametrize(("kind", "world"), [("ddp", 4), ("fsdp", 2), ("fsdp", 4)])
def test_every_rank_computes_as_alone_and_is_called_healthy(kind: str, world: int, folder: Path) -> None:
    write(folder, "program.py", TRAIN)
    files = [folder / f"{kind}{rank}.txt" for rank in range(world)]
    assert plain(folder, "program.py", kind, str(world)).status == 0
    expected = [file.read_text() for file in files]
    for file in files:
        file.unlink()
    done = watched(folder, "program.py", kind, str(world))
    assert done.status == 0, done.err.decode()
    assert [file.read_text() for file in files] == expected
    seen = recording(folder)
    assert [rank.run.rank for rank in seen.ranks] == list(range(world))
    verdict = diagnose(seen)
    assert verdict.healthy, verdict.summary
    assert verdict.faults == []
    assert verdict.probe_failures == []
    names = {p.name for p in seen.parameters.values()}
    # A gathered weight is no weight of its own: six there are, each with its name.
    assert len(seen.parameters) == 6
    assert all(name.endswith(("weight", "bias")) for name in names)
    weights = replicas(seen)
    if kind == "ddp":
        assert weights is not None
        assert weights.apart == []
        assert len(weights.parameters) == 6
        assert all(p.gradients for p in weights.parameters)
    else:
        assert weights is None
        assert all(p.sharded for p in seen.parameters.values())


def test_a_tensor_whose_storage_was_freed_is_not_read() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    weight.untyped_storage().resize_(0)
    facts = measure.facts(weight.detach())
    assert facts.shape == [4, 4]
    assert facts.mean != facts.mean
