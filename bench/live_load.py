"""Load on `flatline live`: real watched runs, and viewers that ask as the page does.

    python bench/live_load.py --runs 8 --viewers 50 --seconds 600

Prints how often viewers were answered and how fast, what reached them of what was recorded, and the server's memory
over time. Exit status 1 when a request failed or a viewer ended without something that was recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from flatline.record.reader import read

PROGRAM = """
import sys, time, torch
torch.manual_seed(int(sys.argv[1]))
model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
x = torch.randn(512, 16)
y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
until, step = time.time() + float(sys.argv[2]), 0
while time.time() < until:
    pick = torch.randint(0, 512, (32,))
    loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}", flush=True)
    time.sleep(0.02)
"""
COLUMNS = ("steps", "mean", "bad", "ends", "low", "high")


@dataclass
class Viewer:
    """What one open page holds of its run."""

    run: str
    cursor: str = ""
    version: int = -1
    curves: dict[int, dict[str, Any]] = field(default_factory=dict)
    points: dict[int, int] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)

    def take(self, answer: dict[str, Any]) -> None:
        if answer["reset"]:
            self.curves.clear()
        self.cursor = answer["cursor"]
        for series in answer["series"]:
            part, number = series["part"], series["number"]
            held = self.curves.get(number, {})
            if held.get("stride") != part["stride"]:
                held = {}
            new: dict[str, Any] = {"stride": part["stride"]}
            for name in COLUMNS:
                before = (held.get(name) or [])[: part["start"]]
                new[name] = None if part[name] is None else before + part[name]
            self.curves[number], self.points[number] = new, series["points"]
            self.kinds[number] = series["kind"]


class Load:
    """The requests of all viewers, counted."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self.received = 0
        self.verdicts = 0

    async def get(self, path: str) -> Any:
        began = time.perf_counter()
        try:
            answer = await self._client.get(path)
        except httpx.HTTPError as error:
            self.failures.append(f"{path.split('?')[0]}: {type(error).__name__}")
            return None
        self.latencies.append(time.perf_counter() - began)
        self.received += len(answer.content)
        if answer.status_code != 200:
            self.failures.append(f"{path.split('?')[0]}: status {answer.status_code}")
            return None
        return answer.json()

    async def watch(self, viewer: Viewer, until: float) -> None:
        """Asks once a second, as the page does, and for the verdict when there is a new one."""
        await asyncio.sleep(random.random())
        while time.monotonic() < until:
            await self.renew(viewer)
            await asyncio.sleep(1.0)

    async def renew(self, viewer: Viewer) -> None:
        query = f"?cursor={viewer.cursor}" if viewer.cursor else ""
        answer = await self.get(f"/api/runs/{viewer.run}/curves{query}")
        if answer is None:
            return
        viewer.take(answer)
        if answer["verdict_version"] != viewer.version:
            viewer.version = answer["verdict_version"]
            self.verdicts += await self.get(f"/api/runs/{viewer.run}/verdict") is not None


async def memory(process: psutil.Process, until: float, told: list[tuple[float, float, float]]) -> None:
    """The resident memory of the server, and of the process that diagnoses, in MB, every five seconds."""
    began = time.monotonic()
    while time.monotonic() < until:
        own = process.memory_info().rss / 1e6
        others = sum(child.memory_info().rss for child in process.children(recursive=True)) / 1e6
        told.append((time.monotonic() - began, own, others))
        await asyncio.sleep(5)


def dropped(viewer: Viewer, whole: Viewer) -> int:
    """How many stretches a viewer holds differently from one that has just asked for everything."""
    count = 0
    for number, curve in whole.curves.items():
        held = viewer.curves.get(number, {})
        pairs = zip(*[_padded(held.get(name), len(curve["steps"])) for name in COLUMNS])
        true = zip(*[_padded(curve[name], len(curve["steps"])) for name in COLUMNS])
        count += sum(one != other for one, other in zip(pairs, true))
    return count


def _padded(values: list[Any] | None, length: int) -> list[Any]:
    return ((values or []) + [None] * length)[:length]


async def load(arguments: argparse.Namespace, folder: Path, server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    origin, _, token = server.stdout.readline().split()[-1].partition("/?token=")
    # Shorter than the server keeps an idle connection: at the same age, a request may meet its end, as one of 36,219 did. A
    # browser then asks again by itself.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=3.0)
    async with httpx.AsyncClient(
        base_url=origin, headers={"Authorization": f"Bearer {token}"}, limits=limits, timeout=15
    ) as client:
        counted = Load(client)
        while len(listed := (await counted.get("/api/runs"))["runs"]) < arguments.runs:
            await asyncio.sleep(0.5)
        names = [run["id"] for run in listed]
        viewers = [Viewer(names[number % len(names)]) for number in range(arguments.viewers)]
        told: list[tuple[float, float, float]] = []
        process = psutil.Process(server.pid)
        before, own_before = sum(process.cpu_times()[:2]), sum(psutil.Process().cpu_times()[:2])
        until = time.monotonic() + arguments.seconds
        await asyncio.gather(memory(process, until, told), *(counted.watch(viewer, until) for viewer in viewers))
        spent = sum(process.cpu_times()[:2]) - before
        own = sum(psutil.Process().cpu_times()[:2]) - own_before
        print(
            f"server: {spent / arguments.seconds:.1%} of a core, {spent / len(counted.latencies) * 1000:.2f} ms a request"
        )
        # Near a whole core, it is the viewers that are measured.
        print(f"viewers: {own / arguments.seconds:.1%} of a core, all in one process")
        while any(run["state"] == "running" for run in (await counted.get("/api/runs"))["runs"]):
            await asyncio.sleep(1)
        lost = missing = recorded = 0
        for name in names:
            whole = Viewer(name)
            await counted.renew(whole)
            optimised = [number for number, kind in whole.kinds.items() if kind == "optimised"]
            true = sum(len(curve) for curve in read(folder / f"{name}.sqlite").optimised)
            recorded += true
            missing += true - sum(whole.points[number] for number in optimised)
            for viewer in viewers:
                if viewer.run == name:
                    await counted.renew(viewer)
                    lost += dropped(viewer, whole)
    return report(arguments, counted, told, recorded, missing, lost)


def report(
    arguments: argparse.Namespace,
    counted: Load,
    told: list[tuple[float, float, float]],
    recorded: int,
    missing: int,
    lost: int,
) -> int:
    quantiles = np.quantile(np.array(counted.latencies) * 1000, [0.5, 0.95, 0.99, 1.0])
    print(f"runs {arguments.runs}, viewers {arguments.viewers}, seconds {arguments.seconds:g}, cores {os.cpu_count()}")
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    print(f"requests {len(counted.latencies)}, failed {len(counted.failures)}, verdicts {counted.verdicts}")
    print(f"received {counted.received / 1e6:.1f} MB")
    print("latency ms: median {:.1f}, 95% {:.1f}, 99% {:.1f}, longest {:.1f}".format(*quantiles))
    print(f"losses recorded {recorded}, not served {missing}, held wrongly by viewers {lost}")
    for at, own, others in told[:: max(1, len(told) // 12)]:
        print(f"memory after {at:5.0f} s: server {own:6.1f} MB, diagnosis {others:6.1f} MB")
    if told:
        print(
            f"memory from {told[0][1]:.1f} to {told[-1][1]:.1f} MB in the server, {told[0][2]:.1f} to {told[-1][2]:.1f} MB in the diagnosis"
        )
    for failure in sorted(set(counted.failures))[:10]:
        print(f"failed: {failure}")
    return int(bool(counted.failures or missing or lost))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600.0)
    arguments = parser.parse_args()
    # So that what was started is ended with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as base:
        folder, program = Path(base) / "runs", Path(base) / "train.py"
        program.write_text(PROGRAM)
        flatline = [sys.executable, "-m", "flatline"]
        watched = [
            subprocess.Popen(
                [*flatline, "run", "--quiet", "--runs", str(folder), str(program), str(seed), str(arguments.seconds)],
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            for seed in range(arguments.runs)
        ]
        server = subprocess.Popen(
            [*flatline, "live", "--runs", str(folder)],
            env={**environment, "XDG_STATE_HOME": base},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            return asyncio.run(load(arguments, folder, server))
        finally:
            for process in [*watched, server]:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
