"""What watching costs: the same training, plain and with each tool in turn; the median of paired ratios.

    python bench/overhead.py [--pairs N] [--seconds S] [--models NAME,…] [--tools NAME,…] [--device cuda] [--write FILE]

A round is one plain run and one run with each tool, each in a process of its own: the same steps from the same seed. They
take turns of a quarter of a second, one at a time, in an order that turns by one each time: a machine that other work makes
slower for a while is slower for all of them. A ratio is a tool's time over the plain time of its round. A run has as many
steps as take ``--seconds`` plainly; a table of runs a tenth as long is made too, in which the first steps weigh more than
in any real run. With ``--device cuda`` the models are a GPT of 124M parameters and ResNet-50, and each turn, not each step,
waits for the device.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from overhead_models import LARGE, MODELS, Make, Task
from overhead_peers import APART, TOOLS, Flatline, Tool, missing
from page import put

STARTS = 5
TURN = 0.25  # seconds
# Whether glibc gives memory back to the system and takes it again in each step, and where its pages come to lie, hangs on
# chance, and makes the steps of two equal runs differ by a tenth. So in all of them it keeps its memory, in large pages.
# https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"


def steps_of(make: Make, seconds: float, device: str) -> tuple[int, int]:
    """How many steps take that long plainly, by the fastest of three short runs; and how many make one turn."""
    with Run(make, Tool, device) as run:
        each = min(run.turn(10)[0] for _ in range(3)) / 10
    return max(20, round(seconds / each)), max(1, round(TURN / each))


class Run:
    """A training in a process of its own, which makes steps when it is told to and stands still otherwise."""

    def __init__(self, make: Make, kind: type[Tool], device: str = "cpu") -> None:
        self._given = (make, kind, device)

    def __enter__(self) -> Run:
        here, there = multiprocessing.Pipe()
        self._turns = here
        self._process = multiprocessing.get_context("spawn").Process(target=trainee, args=(there, *self._given))
        self._process.start()
        here.recv()
        return self

    def turn(self, steps: int) -> tuple[float, float | None]:
        """Seconds of so many steps, or of the end when there are none; at the end, what flatline says it cost."""
        self._turns.send(steps)
        seconds: tuple[float, float | None] = self._turns.recv()
        return seconds

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.join()


def trainee(turns: Connection, make: Make, kind: type[Tool], device: str) -> None:
    """The other end of ``Run``."""
    real, still = time.perf_counter, 0.0
    # Before flatline is imported. Its budget is a share of the time that the run has had, to which the turns of others
    # do not belong.
    time.perf_counter = lambda: real() - still
    torch.set_num_threads(1)
    torch.manual_seed(0)
    watch = kind()
    with watch:
        task = make().to(device)
        optimizer = torch.optim.Adam(task.model.parameters(), lr=1e-3)
        watch.attach(task.model, optimizer)
        turns.send(None)
        waiting = real()
        while steps := turns.recv():
            began = real()
            still += began - waiting
            train(task, optimizer, steps, watch)
            if device != "cpu":
                torch.accelerator.synchronize()
            waiting = real()
            turns.send((waiting - began, None))
    turns.send((0.0, watch.own if isinstance(watch, Flatline) else None))


def train(task: Task, optimizer: torch.optim.Optimizer, steps: int, tool: Tool) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(task.model(task.x), task.y)
        loss.backward()
        tool.each(loss)
        optimizer.step()


class Row(NamedTuple):
    model: str
    tool: str
    steps: int
    milliseconds: float
    ratios: list[float]
    # Those of the second half of the steps alone.
    later: list[float]
    own: float | None


def compare(make: Make, seconds: float, pairs: int, tools: list[type[Tool]], device: str = "cpu") -> list[Row]:
    """One row a tool: its ratios to the plain run of the same round."""
    steps, turn = steps_of(make, seconds, device)
    kinds = [Tool, *tools]
    taken: dict[type[Tool], list[list[float]]] = {kind: [] for kind in kinds}
    own: list[float] = []
    for _ in range(pairs):
        with contextlib.ExitStack() as stack:
            runs = {kind: stack.enter_context(Run(make, kind, device)) for kind in kinds}
            turns: dict[type[Tool], list[float]] = {kind: [] for kind in kinds}
            for number, done in enumerate(range(0, steps, turn)):
                first = number % len(kinds)
                for kind in kinds[first:] + kinds[:first]:
                    turns[kind].append(runs[kind].turn(min(turn, steps - done))[0])
            own += [said for run in runs.values() if (said := run.turn(0)[1]) is not None]
        for kind in kinds:
            taken[kind].append(turns[kind])
    plain = taken[Tool]
    return [
        Row(
            make.__name__,
            kind.name,
            steps,
            1000 * statistics.median(map(sum, plain)) / steps,
            [sum(watched) / sum(alone) for watched, alone in zip(taken[kind], plain, strict=True)],
            [
                sum(watched[len(watched) // 2 :]) / sum(alone[len(alone) // 2 :])
                for watched, alone in zip(taken[kind], plain)
            ],
            statistics.median(own) if kind is Flatline else None,
        )
        for kind in tools
    ]


def start_up() -> tuple[float, float]:
    """Median seconds of a program that only imports torch: plainly, and what ``flatline run`` adds until it has ended."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "empty.py"
        program.write_text("import torch\n")
        commands = ([sys.executable], [sys.executable, "-m", "flatline", "run", "--quiet", "--runs", folder])
        times: list[list[float]] = [[], []]
        for _ in range(STARTS):
            for command, taken in zip(commands, times, strict=True):
                began = time.perf_counter()
                subprocess.run([*command, str(program)], check=True, cwd=folder, capture_output=True)
                taken.append(time.perf_counter() - began)
        return statistics.median(times[0]), statistics.median(b - a for a, b in zip(*times, strict=True))


def table(rows: list[Row]) -> list[str]:
    lines = [f"{'model':12} {'steps':>6} {'step, ms':>9} {'tool':20} {'ratio':>24} {'2nd half':>9} {'it says':>8}"]
    for row in rows:
        says = f"{row.own:.3f}" if row.own is not None else ""
        lines.append(
            f"{row.model:12} {row.steps:6} {row.milliseconds:9.2f} {row.tool:20} {_spread(row.ratios):>24} "
            f"{statistics.median(row.later):9.3f} {says:>8}".rstrip()
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--models", help="of " + ", ".join(make.__name__ for make in (*MODELS, *LARGE)))
    parser.add_argument("--device", default="cpu", help="as torch names it: cpu, cuda")
    parser.add_argument("--tools", default=",".join(tool.name for tool in TOOLS))
    parser.add_argument("--write", type=Path, help="put the tables into this file, in the place of the last ones")
    options = parser.parse_args()
    if options.models:
        models = [make for make in (*MODELS, *LARGE) if make.__name__ in options.models.split(",")]
    else:
        models = list(MODELS if options.device == "cpu" else LARGE)
    os.environ["GLIBC_TUNABLES"] = MEMORY
    absent = dict(APART)
    tools: list[type[Tool]] = []
    for tool in TOOLS:
        if tool.name in options.tools.split(","):
            reason = missing(tool)
            if reason is None:
                tools.append(tool)
            else:
                absent[tool.name] = f"not installed here ({reason})"
    hardware = platform.machine() if options.device == "cpu" else torch.cuda.get_device_name()
    lines = [f"torch {torch.__version__}, {hardware}, 1 thread, {options.pairs} pairs, median (min to max)"]
    for name, seconds in (("long", options.seconds), ("short", options.seconds / 10)):
        rows: list[Row] = []
        for make in models:
            rows += compare(make, seconds, options.pairs, tools, options.device)
        lines += ["", f"{name} runs, {seconds:g} s of plain training", *table(rows)]
    alone, added = start_up()
    lines += ["", f"start to end of a program that imports torch: {alone:.2f} s; flatline run adds {added:.2f} s"]
    lines += ["", *(f"not compared: {name}: {reason}" for name, reason in absent.items())]
    text = "\n".join(lines)
    print(text)
    if options.write:
        put(options.write, text)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
