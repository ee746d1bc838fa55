"""What experiments prove: runs every case with ``flatline prove`` and prints how the causes end.

    python bench/proof.py [FILTER …] [--every N] [--jobs N] [--lines FILE] [--write FILE]
    python bench/proof.py --from FILE [--write FILE]

All of them take hours on a small machine: each result is written to ``--lines FILE`` (JSON lines) when it is there, the
cases that the file holds already are not run again, and ``--from FILE`` sums up what it holds and runs nothing.

A faulty program counts as proven when one of its true causes is; a cause that is proven and is not one of them is
wrong, and so is every one that is proven on a healthy program. "Without experiments" is the verdict on the same
record before them: whether the right cause comes first, what else is named beside it (at ``likely`` or above: a reader
takes that for a fault), and how often a first verdict is false. The time is that of the whole command, the watched run, its control and all trials, over that of
the program alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import Case, Score, cases
from flatline.experiments.proof import kept
from flatline.record.reader import read
from flatline.verdict import diagnose
from page import put

SECONDS = 900


@dataclass
class Tested:
    """A case with its verdict before and after the experiments, and both times in seconds."""

    case: Case
    before: dict[str, Any]
    after: dict[str, Any]
    alone: float
    seconds: float
    output: str

    @property
    def proven(self) -> list[str]:
        return [c["name"] for c in self.after.get("causes", []) if c["level"] == "proven"]

    @property
    def right(self) -> list[str]:
        return [name for name in self.proven if name in self.case.causes]

    @property
    def wrong(self) -> list[str]:
        return [name for name in self.proven if name not in self.case.causes]

    def beside(self, when: str) -> list[str]:
        """Causes at ``likely`` or above that are not true ones, ``before`` or ``after`` the experiments."""
        named = [c["name"] for c in getattr(self, when).get("causes", []) if c["level"] != "possible"]
        return [name for name in named if name not in self.case.causes]

    @property
    def lost(self) -> list[str]:
        """True causes that an experiment refuted."""
        found = {c["name"] for c in self.before.get("causes", [])}
        refuted = {r["name"] for r in self.after.get("ruled_out", [])}
        return sorted(found & refuted & set(self.case.causes))

    def describe(self) -> str:
        proof = self.after.get("proof") or {"text": self.output[-200:], "trials": []}
        experiments = [
            f"{c['name']}[{c['level'][:2]}]: {c['experiment']['text']}"
            for c in self.after.get("causes", [])
            if c["experiment"] and c["level"] != "proven"
        ]
        failed = [f"{t['status']}: {t['message'][:80]}" for t in proof["trials"] if t["status"] != "finished"]
        return f"{self.case.name}: wants {self.case.causes or 'nothing'}; {proof['text']} {' | '.join(experiments + failed)}"


def run(case: Case) -> Tested:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    program = [str(case.path.resolve()), *case.args]

    def execute(folder: str, *command: str) -> tuple[float, str]:
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, *command, *program],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return time.perf_counter() - began, "took too long"
        return time.perf_counter() - began, done.stdout + done.stderr

    with tempfile.TemporaryDirectory() as alone, tempfile.TemporaryDirectory() as folder:
        own, _ = execute(alone)
        seconds, output = execute(folder, "-m", "flatline", "prove", "--quiet", "--runs", f"{folder}/runs")
        stores = list(Path(folder, "runs").glob("*.sqlite"))
        if not stores:
            return Tested(case, {}, {}, own, seconds, output[-2000:])
        # The records of further ranks lie beside that of the run.
        store = next((s for s in stores if "-rank" not in s.name), stores[0])
        recording = read(store)
        before, after = diagnose(recording), diagnose(recording, kept(store))
    return Tested(case, msgspec.to_builtins(before), msgspec.to_builtins(after), own, seconds, output[-2000:])


class Results:
    """Results as JSON lines: appended as they come, read back by the name of the case."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Tested]:
        """What the file holds, the last result of each case that still exists; a line that was cut off is left out."""
        known = {case.name: case for case in cases([])}
        found: dict[str, Tested] = {}
        for line in self._path.read_bytes().splitlines() if self._path.exists() else []:
            try:
                item = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            case = known.get(item.pop("case"))
            if case is not None:
                found[case.name] = Tested(case, **item)
        return list(found.values())

    def add(self, tested: Tested) -> None:
        item = {f.name: getattr(tested, f.name) for f in fields(tested)} | {"case": tested.case.name}
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(item) + b"\n")


def table(tested: list[Tested], title: str) -> str:
    faulty = [t for t in tested if not t.case.healthy]
    healthy = [t for t in tested if t.case.healthy]

    def share(part: list[Any], total: list[Any]) -> str:
        return f"{len(part)}/{len(total)} = {len(part) / len(total):.1%}" if total else "none"

    runs = [len(t.after["proof"]["trials"]) for t in tested if t.after.get("proof")]
    rows = [
        title,
        f"  faulty programs: a right cause proven      {share([t for t in faulty if t.right], faulty)}",
        f"  faulty programs: a wrong cause proven      {share([t for t in faulty if t.wrong], faulty)}",
        f"  faulty programs: a right cause refuted     {share([t for t in faulty if t.lost], faulty)}",
        f"  healthy programs: anything proven          {share([t for t in healthy if t.proven], healthy)}",
    ]
    for name, when in (("without", "before"), ("with", "after")):
        scores = [Score(t.case, getattr(t, when)) for t in tested]
        first = [s for s in scores if not s.case.healthy and s.top1]
        alarms = [s for s in scores if s.case.healthy and s.faults]
        rows.append(
            f"  {name + ' experiments: right cause first':42} {share(first, faulty)}, false alarms {share(alarms, healthy)}"
        )
        beside = [t for t in faulty if t.beside(when)]
        rows.append(f"  {name + ' experiments: a wrong one named too':42} {share(beside, faulty)}")
    if faulty:
        ratios = statistics.median(t.seconds / t.alone for t in faulty)
        rows.append(
            f"  faulty: median time over the program's own {ratios:.1f}, of {statistics.mean(runs or [0]):.1f} runs"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="only each N-th case")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; each runs two trials at a time")
    parser.add_argument("--lines", type=Path, help="write each result to this file, and go on where it ends")
    parser.add_argument("--from", dest="source", type=Path, help="sum up this file, and run nothing")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.source is not None and not options.source.exists():
        parser.error(f"there is no file {options.source}")
    chosen = cases(options.filters)[:: options.every]
    names = {case.name for case in chosen}
    began = time.perf_counter()
    results = Results(options.source or options.lines) if options.source or options.lines else None
    tested = [t for t in results.read() if t.case.name in names] if results is not None else []
    done = {t.case.name for t in tested}
    waiting = [] if options.source is not None else [case for case in chosen if case.name not in done]
    with ThreadPoolExecutor(options.jobs) as pool:
        for one in pool.map(run, waiting):
            tested.append(one)
            if results is not None:
                results.add(one)
            print(f"{len(tested)}/{len(chosen)} {one.describe()}", file=sys.stderr, flush=True)
    text = summed_up(tested) + f"\n\n{time.perf_counter() - began:.0f} s"
    print(text)
    if options.write:
        put(options.write, text)
    return 1 if any(t.wrong for t in tested) else 0


def summed_up(tested: list[Tested]) -> str:
    odd = [t for t in tested if t.wrong or t.lost or (not t.case.healthy and not t.right)]
    whole = len(cases([]))
    title = f"all {whole} programs" if len(tested) == whole else f"{len(tested)} of {whole} programs"
    parts = [
        table(tested, title),
        table([t for t in tested if t.case.held_out], "hold-out by hash of the name"),
        "not proven, or wrongly:" if odd else "all proven",
    ]
    return "\n\n".join(parts) + "\n" + "\n".join(f"  {t.describe()}" for t in odd)


if __name__ == "__main__":
    sys.exit(main())
