"""Programs that train in several processes: each rank is recorded, one verdict is drawn, and nothing is changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flatline import ending
from flatline.cli import main
from flatline.observe import events as e
from flatline.proving import CannotProve, prove_run
from flatline.record.reader import rank_stores, read
from flatline.record.recording import Recording
from flatline.verdict import diagnose
from runs import environment, needs_posix, plain, recording, runs_folder, watched, write

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import accuracy

pytestmark = needs_posix

TRAIN = """
    import os, sys, tempfile
    import torch, torch.nn as nn
    import torch.distributed as dist
    import torch.multiprocessing as mp
    from torch.nn.parallel import DistributedDataParallel

    def train(rank, world, rendezvous, fails):
        dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank, world_size=world)
        torch.manual_seed(0)
        model = DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(rank)
        for step in range(15):
            x = torch.randn(16, 4, generator=generator)
            loss = nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if fails and rank == 1 and step == 7:
                raise ValueError("broken row")
        if rank == 0:
            print(loss.item(), [p.sum().item() for p in model.parameters()], flush=True)
        dist.destroy_process_group()
        # Threads of gloo's abort a process that ends in good order, plain or watched, about once in seven runs.
        os._exit(0)

    if __name__ == "__main__":
        with tempfile.TemporaryDirectory() as folder:
            args = (2, os.path.join(folder, "meeting"), "fails" in sys.argv)
            mp.start_processes(train, args=args, nprocs=2, start_method=sys.argv[1])
"""

RANK = """
    import os
    import torch, torch.nn as nn
    import torch.distributed as dist
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(rank)
    for step in range(30):
        x = torch.randn(16, 4, generator=generator)
        y = x[:, :3].argmax(1)
        if rank == 1 and step == 20:
            x[3, 2] = float("nan")
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    dist.destroy_process_group()
    os._exit(0)
"""


def _without_times(text: bytes) -> str:
    """The log lines of torch name the time and the processes."""
    return re.sub(r"W\d{4} [\d:.]+ \d+|process \d+|0x[0-9a-f]+", "…", text.decode())


@pytest.mark.parametrize("arguments", [("spawn",), ("fork",), ("spawn", "fails")], ids=" ".join)
def test_started_processes_compute_and_end_as_alone(arguments: tuple[str, ...], folder: Path) -> None:
    write(folder, "program.py", TRAIN)
    expected = plain(folder, "program.py", *arguments)
    actual = watched(folder, "program.py", *arguments)
    assert _without_times(actual.out) == _without_times(expected.out)
    assert _without_times(actual.err) == _without_times(expected.err)
    assert actual.status == expected.status == (1 if "fails" in arguments else 0)
    seen = recording(folder)
    assert [rank.run.rank for rank in seen.ranks] == [0, 1]
    assert seen.ranks[1].backwards == (8 if "fails" in arguments else 15)


def under_torchrun(folder: Path) -> subprocess.CompletedProcess[str]:
    """Two ranks of ``program.py``, each under ``flatline run``."""
    flatline = ("-m", "flatline", "run", "--json", "verdict.json", "--runs", str(runs_folder(folder)), "program.py")
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *flatline],
        cwd=folder,
        env=environment(COLUMNS="100"),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_torchrun_gives_one_verdict_and_names_the_rank(folder: Path) -> None:
    write(folder, "program.py", RANK)
    done = under_torchrun(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("flatline: fault found") == 1
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["causes"][0]["name"] == "non-finite-data"
    assert verdict["causes"][0]["location"]["source"] == 'x[3, 2] = float("nan")'
    assert "This is rank 1 of 2" in verdict["summary"]
    assert len({re.sub(r"-rank\d", "", path.name) for path in runs_folder(folder).glob("*.sqlite")}) == 1


def test_stores_of_one_run_are_found_from_each_of_them(tmp_path: Path) -> None:
    for name in ("a.sqlite", "a-rank0.sqlite", "a-rank1.sqlite", "a-2-rank1.sqlite", "ab-rank0.sqlite", "b.sqlite"):
        (tmp_path / name).touch()
    of_a = ["a-2-rank1.sqlite", "a-rank0.sqlite", "a-rank1.sqlite"]
    for name in ("a.sqlite", "a-rank1.sqlite", "a-2-rank1.sqlite"):
        assert [path.name for path in rank_stores(tmp_path / name)] == of_a
    assert rank_stores(tmp_path / "b.sqlite") == []


def test_a_process_that_starts_others_and_trains_nothing_has_their_verdict(folder: Path) -> None:
    write(folder, "program.py", TRAIN.replace("x[:, :3].argmax(1)", "torch.zeros(16, dtype=torch.long)"))
    watched(folder, "program.py", "fork")
    launcher = next(path for path in runs_folder(folder).glob("*.sqlite") if "rank" not in path.name)
    assert [cause.name for cause in diagnose(read(launcher)).faults] == ["constant-targets"]


def test_a_killed_rank_is_named_and_what_it_wrote_is_kept(folder: Path) -> None:
    killed = "os.kill(os.getpid(), signal.SIGKILL)"
    text = RANK.replace("import os\n", "import os, signal, time\n").replace('x[3, 2] = float("nan")', killed)
    write(folder, "program.py", text.replace("optimizer.step()\n", "optimizer.step()\n        time.sleep(0.02)\n"))
    done = under_torchrun(folder)
    assert done.returncode == 1
    assert re.search(r"rank\s*: 1 .*\n\s*exitcode\s*: -9", done.stderr), "torchrun blames the rank that was killed"
    verdict = json.loads((folder / "verdict.json").read_text())
    assert "Rank 1 was killed by SIGKILL" in verdict["summary"]
    assert verdict["run"]["ended"] == "killed"
    seen = recording(folder)
    assert [rank.run.rank for rank in seen.ranks] == [0, 1]
    assert 1 <= seen.ranks[1].backwards <= 20


@pytest.mark.parametrize("arguments", [("prove", "program.py"), ("run", "--prove", "program.py")], ids=" ".join)
def test_experiments_behind_torchrun_say_to_stand_before_it(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "program.py", "print('ran')")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2
    assert "`flatline prove torchrun --nproc-per-node 2 PROGRAM`" in result.output
    assert not list(folder.glob(".flatline/*"))


def test_a_run_recorded_behind_torchrun_says_how_it_is_proven(folder: Path) -> None:
    write(folder, "program.py", RANK)
    under_torchrun(folder)
    recorded = next(runs_folder(folder).glob("*rank0.sqlite"))
    with pytest.raises(CannotProve, match=re.escape("`flatline prove torchrun --nproc-per-node 2 program.py`")):
        prove_run(recorded)


SAME = """
import os, torch, torch.distributed as dist, torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset

dist.init_process_group("gloo")
torch.manual_seed(0)
x = torch.randn(256, 8)
model = DDP(nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
data = TensorDataset(x, x[:, :1] * 2)
for epoch in range(2):
    for a, b in DataLoader(data, batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(epoch)):
        loss = nn.functional.mse_loss(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # One write a line: torchrun starts Python unbuffered, and the ranks share the terminal.
    os.write(1, f"{dist.get_rank()} {epoch} {loss.item()} {model.module.weight.sum().item()}\\n".encode())
dist.destroy_process_group()
"""


def _starter(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *before, "torch.distributed.run", "--nproc-per-node", "2", "program.py"]
    return subprocess.run(
        command, cwd=folder, env=environment(COLUMNS="100"), capture_output=True, text=True, timeout=300
    )


def test_ranks_that_a_watched_torchrun_starts_are_recorded_and_compute_the_same(folder: Path) -> None:
    write(folder, "program.py", SAME)
    alone = _starter(folder)
    watched = _starter(folder, "flatline", "run", "--runs", str(runs_folder(folder)), "--quiet", "-m")
    assert (
        sorted(watched.stdout.splitlines()) == sorted(alone.stdout.splitlines()) and len(alone.stdout.splitlines()) == 4
    )
    assert watched.returncode == alone.returncode == 0, watched.stderr
    seen = recording(folder)
    assert [(rank.run.rank, rank.backwards) for rank in seen.ranks] == [(0, 32), (1, 32)]
    assert seen.run.module and seen.run.argv == ["torch.distributed.run", "--nproc-per-node", "2", "program.py"]


def test_a_failing_rank_ends_a_watched_torchrun_as_it_ends_one_alone(folder: Path) -> None:
    write(folder, "program.py", SAME.replace("dist.destroy_process_group()", "raise SystemExit(3 * dist.get_rank())"))
    alone = _starter(folder)
    watched = _starter(folder, "flatline", "run", "--runs", str(runs_folder(folder)), "--quiet", "-m")
    assert watched.returncode == alone.returncode == 1
    assert re.search(r"rank\s*: 1 .*\n\s*exitcode\s*: 3", watched.stderr), watched.stderr


def test_experiments_before_torchrun_start_all_ranks_again(folder: Path) -> None:
    write(folder, "program.py", SAME)
    command = ["prove", "--seeds", "1", "--json", "verdict.json", "--runs", str(runs_folder(folder)), "torchrun"]
    done = subprocess.run(
        [sys.executable, "-m", "flatline", *command, "--nproc-per-node", "2", "program.py"],
        cwd=folder,
        env=environment(COLUMNS="100"),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    causes = json.loads((folder / "verdict.json").read_text())["causes"]
    assert [(c["name"], c["level"]) for c in causes if c["name"] == "ranks-same-data"] == [
        ("ranks-same-data", "proven")
    ]


def _rank(number: int, *more: e.Event) -> Recording:
    points = np.arange(3, dtype=np.int64).tobytes()
    series = [
        e.Series(0, "optimised", "loss", None),
        e.Points(0, points, points, np.array([1.0, 0.9, 0.8]).tobytes(), points),
    ]
    return Recording([e.RunStarted(["p.py"], "", {}, 0.0, number), *series, *more])


def _end(exception: str | None, message: str = "") -> e.RunEnded:
    return e.RunEnded(9, 3, exception, message, None)


@pytest.mark.parametrize(
    ("ranks", "ended", "said"),
    [
        ([[_end(None), e.Exited(0, 1.0)], [_end(None), e.Exited(0, 2.0)]], None, ""),
        ([[e.Exited(-15, 3.0)], [e.Exited(-9, 2.0)]], "killed", "Rank 1 was killed by SIGKILL"),
        ([[e.Exited(-15, 3.0)], []], "killed", "Rank 1 went without a word"),
        (
            [
                [_end("RuntimeError", "Connection closed by peer"), e.Exited(1, 1.0)],
                [_end("KeyError"), e.Exited(1, 2.0)],
            ],
            "KeyError",
            "Rank 1 of 2 ended with KeyError",
        ),
        (
            [[e.Exited(-15, 1.0)], [_end("ValueError"), e.Exited(1, 2.0)]],
            "ValueError",
            "Rank 1 of 2 ended with ValueError",
        ),
    ],
)
def test_the_rank_that_went_first_is_told(ranks: list[list[e.Event]], ended: str | None, said: str) -> None:
    seen = [_rank(number, *more) for number, more in enumerate(ranks)]
    seen[0].ranks = seen
    found, sentence = ending.told(seen[0])
    assert found == ended
    assert sentence.startswith(said)
    assert bool(sentence) == bool(said)


@pytest.mark.parametrize(
    "name",
    [
        "ranks-same-data/faulty_plain_loader",
        "ranks-diverged/faulty_inner_module",
        "ranks-diverged/healthy_tensor_parallel",
        "rank-hidden/faulty_prompts_only",
        "ranks-uneven/healthy_join",
    ],
)
def test_causes_that_need_the_records_of_all_ranks(name: str) -> None:
    (case,) = accuracy.cases([name])
    score = accuracy.Score(case, accuracy.run(case))
    assert score.verdict["probe_failures"] == []
    assert not accuracy.missed(score), score.describe()


@pytest.mark.parametrize(("epochs", "level"), [([0, 0, 0], "possible"), ([0, 1, 2], None)])
def test_an_epoch_that_is_never_set_is_said_and_is_no_fault(epochs: list[int], level: str | None) -> None:
    loader = e.LoaderSeen(0, None, 1, 8, False, False, 16, sampler="DistributedSampler", divided=2, reshuffles=True)
    passes = [e.EpochStarted(step, step, 0, None, epoch) for step, epoch in enumerate(epochs)]
    verdict = diagnose(_rank(0, loader, *passes))
    found = {cause.name: cause.level for cause in verdict.causes}
    assert found.get("epoch-not-set") == level
    assert "epoch-not-set" not in [cause.name for cause in verdict.faults]
