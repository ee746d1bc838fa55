"""Kills training processes at random moments, and looks whether everything that was written before is on record.

Each process is a fork of this one, with torch imported, in which the recorder is started as in a rank of a distributed
program. It says on a pipe how many rows its store has taken; then SIGKILL comes.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import flatline.observe.install  # noqa: F401 - so that the forks have it
from flatline import program
from flatline.commands.showing import diagnosed
from flatline.observe.events import ProbeFailed
from flatline.record import store
from flatline.record.reader import read
from flatline.record.rows import last_row, settle


@dataclass
class Kills:
    """``rows`` that the processes said were written before they were killed, and what went wrong."""

    kills: int = 0
    rows: int = 0
    steps: int = 0
    problems: list[str] = field(default_factory=list)


def kill(times: int, folder: Path, seed: int = 0, longest: float = 0.4) -> Kills:
    """Kills so many processes, each at a random moment of its first ``longest`` seconds of training."""
    chance = random.Random(seed)
    # What torch imports with the first optimizer, the forks need not import again.
    next(_steps())
    found = Kills()
    for number in range(times):
        path = folder / f"{number}.sqlite"
        mode = "DELETE" if number % 4 == 3 else "WAL"
        told = _one(path, mode, chance.uniform(0.0, longest))
        found.kills += 1
        found.rows += told
        try:
            # Half of them as `flatline report` finds them when the starting process was killed as well.
            if number % 2:
                settle(path)
            kept = last_row(path)
            recording = read(path)
            if kept < told:
                found.problems.append(f"{path.name} ({mode}): {told} rows were written, {kept} are there")
            failures = [failed.message for failed in recording.all(ProbeFailed)]
            if failures:
                found.problems.append(f"{path.name} ({mode}): {failures}")
            found.steps += recording.steps
            if number % 10 == 0 and diagnosed(path) is None:
                found.problems.append(f"{path.name}: no verdict")
        except store.StoreError as error:
            found.problems.append(f"{path.name} ({mode}): {error}")
    return found


def _one(path: Path, mode: str, seconds: float) -> int:
    """Starts a process, kills it, and returns how many rows it said it had written."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        try:
            _train(path, mode, writing)
        finally:
            os._exit(1)
    os.close(writing)
    # The first word comes when the recorder has started; a process killed before has nothing to lose.
    select.select([reading], [], [], 30)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    said = b""
    while part := os.read(reading, 65536):
        said += part
    os.close(reading)
    return len(said)


def _train(path: Path, mode: str, pipe: int) -> None:
    if mode == "DELETE":
        store.on_network_filesystem = lambda path: True
    argv = ["train.py"]
    recorder = program.Recorder(str(path), False, argv, str(path.parent), rank=0)
    write = recorder.writer.write
    os.write(pipe, b".")

    def told(records: list[Any]) -> None:
        write(records)
        os.write(pipe, b".")

    recorder.session._sink = told
    for _ in _steps():
        # Far more often than it would be: the moment shall often fall into a write.
        recorder.session._pause = 0.0


def _steps() -> Iterator[None]:
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(32, 16), torch.randint(0, 4, (32,))
    while True:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as base:
        result = kill(int(sys.argv[1]) if len(sys.argv) > 1 else 200, Path(base))
    print(f"{result.kills} kills, {result.rows} rows written before them, {result.steps} steps on record")
    for problem in result.problems:
        print(problem)
    sys.exit(bool(result.problems))
