"""``flatline check PROGRAM``: the program ends before its first update, and nothing of it runs after that."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from runs import Ended, execute, needs_posix, plain, write

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
TRAIN = """
    import torch, torch.nn as nn, torch.nn.functional as F
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, {classes}))
    optimizer = torch.optim.Adam(model.parameters())
    def step():
        x, y = torch.randn(32, 10), torch.randint(0, {classes}, (32,))
        loss = F.cross_entropy(model(x), y)
        print("loss", loss.item(), flush=True)
        loss.backward()
        print("gradient", model[0].weight.grad.sum().item(), "random", torch.get_rng_state().sum().item())
        optimizer.step()
        print("updated")
"""


def check(folder: Path, *arguments: str, options: tuple[str, ...] = ()) -> tuple[Ended, dict[str, Any]]:
    out = folder.with_name(folder.name + "-verdict.json")
    command = [sys.executable, "-m", "flatline", "check", "--json", str(out)]
    ended = execute([*command, "--runs", str(folder.with_name(folder.name + "-runs")), *options, *arguments], folder)
    verdict = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if verdict:
        jsonschema.validate(verdict, SCHEMA)
    return ended, verdict


def program(folder: Path, rest: str, classes: int = 3, name: str = "train.py") -> None:
    import textwrap

    write(folder, name, textwrap.dedent(TRAIN.format(classes=classes)).lstrip("\n") + textwrap.dedent(rest))


@needs_posix
def test_the_stop_is_final_and_what_came_before_it_is_the_programs_own(folder: Path) -> None:
    program(
        folder,
        """
        import atexit, tempfile
        atexit.register(print, "at exit")
        log = open("log.txt", "w")
        log.write("before")
        scratch = tempfile.TemporaryDirectory()
        open("scratch.txt", "w").write(scratch.name)
        try:
            for _ in range(3):
                try:
                    step()
                except Exception:
                    print("an exception")
                except:
                    print("anything")
        finally:
            print("finally")
            torch.save(model.state_dict(), "model.pt")
        """,
    )
    ended, verdict = check(folder, "train.py")
    alone = plain(folder, "train.py").out
    (folder / "model.pt").unlink()
    assert ended.status == 0 and verdict["healthy"]
    # To the last bit the same until the update: the loss, the gradient, the random numbers.
    assert ended.out == alone[: alone.index(b"updated")]
    assert ended.out.startswith(b"loss ") and b"random" in ended.out
    ended, verdict = check(folder, "train.py")
    assert (folder / "log.txt").read_text() == "before"
    assert not (folder / "model.pt").exists()
    assert not Path((folder / "scratch.txt").read_text()).exists()
    report = ended.err.decode()
    assert "nothing found before training" in report and "Before the first update (train.py:11)" in report
    assert "passed" in report and "not done" in report and "before the first update" in report


def test_strict_and_the_schema(folder: Path) -> None:
    program(folder, "step()\n", classes=1)
    ended, verdict = check(folder, "train.py", options=("--strict", "--quiet", "--overfit"))
    assert ended.status == 10 and ended.err == b""
    assert verdict["causes"][0]["name"] == "one-class-softmax"
    assert [c["name"] for c in verdict["checks"]][:2] == ["loss at start", "output range"]
    assert verdict["run"]["steps"] == 0
    # The record is one file: the stop leaves no write-ahead log beside it.
    assert [path.suffix for path in folder.with_name(folder.name + "-runs").glob("*sqlite*")] == [".sqlite"]


@pytest.mark.parametrize(
    ("rest", "status", "said"),
    [
        ("import sys; sys.exit(3)\n", 3, "before any update"),
        ("raise RuntimeError('mine')\n", 1, "before any update"),
        ("loss = F.cross_entropy(model(torch.randn(8, 10)), torch.arange(8) % 3); loss.backward()\n", 0, "before any"),
    ],
)
def test_a_program_that_makes_no_update_ends_as_ever(folder: Path, rest: str, status: int, said: str) -> None:
    program(folder, rest)
    ended, verdict = check(folder, "train.py")
    assert ended.status == status and said in verdict["summary"] and verdict["checks"] == []


def test_a_module_with_arguments(folder: Path) -> None:
    write(folder, "pack/__init__.py", "")
    program(folder, "import sys; print(sys.argv[1:]); step()\n", name="pack/train.py")
    ended, verdict = check(folder, "pack.train", "--strict", "--lr", "3", options=("-m",))
    assert ended.status == 0 and b"['--strict', '--lr', '3']" in ended.out and b"updated" not in ended.out
    assert verdict["summary"].startswith("Before the first update")


def test_usage_errors(folder: Path) -> None:
    ended, _ = check(folder, "nothing.py")
    assert ended.status == 2 and b"there is no program 'nothing.py'" in ended.err
    ended, _ = check(folder, "nothing.py", options=("--seconds", "-1"))
    assert ended.status == 2 and b"--seconds" in ended.err


@needs_posix
def test_workers_end_and_a_forked_training_is_not_updated_either(folder: Path) -> None:
    program(
        folder,
        """
        import os
        from torch.utils.data import DataLoader, Dataset
        class Numbered(Dataset):
            def __len__(self): return 64
            def __getitem__(self, index):
                open(f"worker-{os.getpid()}", "w").close()
                return torch.randn(10), index % 3
        child = os.fork()
        if child == 0:
            step()
            os._exit(9)
        print("child", os.waitpid(child, 0)[1])
        for x, y in DataLoader(Numbered(), batch_size=16, num_workers=2):
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            print("updated")
        """,
    )
    ended, verdict = check(folder, "train.py")
    assert ended.status == 0 and b"updated" not in ended.out and b"child 0" in ended.out
    assert verdict["summary"].startswith("Before the first update (train.py:")
    workers = [int(path.name.partition("-")[2]) for path in folder.glob("worker-*")]
    assert len(workers) == 2
    for _ in range(50):
        if not any(os.path.exists(f"/proc/{worker}") for worker in workers):
            break
        time.sleep(0.1)
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)
