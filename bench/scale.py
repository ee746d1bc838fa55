"""What watching costs with more parameters, layers and steps, in time, on disk and in memory.

    python bench/scale.py [--steps N] [--layers N] [--write FILE]

Time is of real training. The long run is simulated: what one measured step of a real model of ``--layers`` layers records
is written again at each step that the schedule chooses, and a loss twice at every step, by the same session and writer.
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import flatline
from flatline.observe.events import Event
from flatline.observe.install import Probes
from flatline.observe.schedule import Schedule
from flatline.observe.session import Session
from flatline.record.reader import read
from flatline.record.store import Writer
from flatline.verdict import diagnose
from page import put

MEGABYTE = 1 << 20
ROUNDS = 7
FLUSHED_EVERY = 250  # a flush each quarter of a second, for a step of a millisecond


class Always(Schedule):
    def wants(self, step: int, affordable: Callable[[], bool] = lambda: True) -> bool:
        return True


class Never(Schedule):
    def wants(self, step: int, affordable: Callable[[], bool] = lambda: True) -> bool:
        return False


def stack(layers: int, width: int) -> nn.Sequential:
    """``layers`` linear layers, each with a ReLU, and a last one for two classes."""
    hidden = [part for _ in range(layers - 1) for part in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 2))


def stepper(layers: int, width: int) -> Callable[[], None]:
    torch.manual_seed(0)
    model = stack(layers, width)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    x, y = torch.randn(32, width), torch.randint(0, 2, (32,))

    def step() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return step


def each(step: Callable[[], None], count: int) -> float:
    """Seconds of a step, on average."""
    began = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - began) / count


def costs(layers: int, width: int) -> tuple[int, float, float, float]:
    """Parameters; seconds of a plain step; seconds that watching adds to a step that is not measured, and to one that is.

    Medians over rounds; in each, watched steps stand between plain ones of the same tenth of a second.
    """
    plain = stepper(layers, width)
    each(plain, 3)
    count = max(2, round(0.1 / each(plain, 3)))
    alone: list[float] = []
    added: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for schedule, found in zip((Never(), Always()), added, strict=True):
            with flatline.watch(show=False) as watched:
                watched.session.schedule = schedule
                step = stepper(layers, width)
                # The graph is searched once more at step 10.
                each(step, 12)
                before = each(_unwatched(watched.session, step), count)
                during = each(step, count)
                after = each(_unwatched(watched.session, step), count)
            alone += [before, after]
            found.append(during - (before + after) / 2)
    parameters = sum(p.numel() for p in stack(layers, width).parameters())
    return parameters, statistics.median(alone), statistics.median(added[0]), statistics.median(added[1])


def _unwatched(session: Session, step: Callable[[], None]) -> Callable[[], None]:
    """The same step of the same model with every probe off; what is left of them is the way past."""

    def off() -> None:
        session.active = False
        step()
        session.active = True

    return off


def measured_step(layers: int) -> tuple[list[Event], list[Event]]:
    """What a real run of a model of that many layers records before its third step, and at its third step."""
    events: list[Event] = []
    session = Session(events.extend, schedule=Always())
    probes = Probes(session)
    probes.install()
    try:
        step = stepper(layers, 16)
        step()
        step()
        session.flush(force=True)
        count = len(events)
        step()
        session.flush(force=True)
    finally:
        probes.uninstall()
        session.active = False
    return events[:count], events[count:]


def simulate(store: Path, steps: int, layers: int) -> float:
    """Writes the record of a long run; returns by how many megabytes the process grew after its first steps."""
    first, sampled = measured_step(layers)
    writer = Writer(str(store))
    session = Session(writer.write)
    for event in first:
        session.emit(event)
    session.flush(force=True)
    loss, criterion = (session.numbers(kind, "loss", 0) for kind in ("optimised", "criterion"))
    schedule = Schedule()
    before = _memory()
    for step in range(steps):
        session.step = step
        value = 0.1 + 1 / (1 + step) + step % 97 / 1e4
        criterion.add(session.now(), step, value, 32)
        loss.add(session.now(), step, value, 32)
        if schedule.wants(step):
            for event in sampled:
                session.emit(_at(event, session.now(), step))
        if step % FLUSHED_EVERY == 0:
            session.flush(force=True)
    session.flush(force=True)
    writer.close()
    return _memory() - before


def _at(event: Any, tick: int, step: int) -> Event:
    moved = copy.copy(event)
    for name, value in (("tick", tick), ("step", step)):
        if hasattr(moved, name):
            setattr(moved, name, value)
    return moved  # type: ignore[no-any-return]


def long_run(steps: int, layers: int) -> tuple[float, float, float]:
    """Of a simulated run: megabytes on disk, megabytes that the process grew by, seconds of reading and diagnosis."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.sqlite"
        grown = simulate(store, steps, layers)
        size = sum(f.stat().st_size for f in Path(folder).iterdir()) / MEGABYTE
        began = time.perf_counter()
        diagnose(read(store))
        return size, grown, time.perf_counter() - began


def _memory() -> float:
    """The most memory that this process has held so far, in megabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (MEGABYTE if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Before anything else has raised the most memory held: in the order of the steps.
    lines = [f"{'steps':>9} {'layers':>6} {'on disk, MB':>12} {'in memory, MB':>14} {'diagnosis, s':>13}"]
    for steps in (1_000, 10_000, 100_000, options.steps):
        size, grown, seconds = long_run(steps, options.layers)
        lines.append(f"{steps:9} {options.layers:6} {size:12.1f} {grown:14.1f} {seconds:13.2f}")
    lines += [
        "",
        f"{'layers':>6} {'width':>6} {'parameters':>11} {'step, ms':>9} {'adds, us':>9} {'measured, adds ms':>18}",
    ]
    for layers, width in ((4, 64), (4, 256), (4, 1024), (16, 64), (64, 64), (256, 16), (options.layers, 16)):
        parameters, alone, unmeasured, measured = costs(layers, width)
        lines.append(
            f"{layers:6} {width:6} {parameters:11} {1e3 * alone:9.2f} {1e6 * unmeasured:9.0f} {1e3 * measured:18.2f}"
        )
    text = "\n".join([f"torch {torch.__version__}, 1 thread", "", *lines])
    print(text)
    if options.write:
        put(options.write, text)


if __name__ == "__main__":
    main()
