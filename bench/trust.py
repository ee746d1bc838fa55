"""Shows that flatline harms no run, loses nothing, and lets no one in; prints figures and writes docs/trust.md.

    python bench/trust.py                          all parts, about an hour and a half on two cores
    python bench/trust.py faults kills             some of them
    python bench/trust.py bits --every 20          every 20th program
    python bench/trust.py load --seconds 600       8 watched runs, 50 viewers
    python bench/trust.py kills --from trust.json  keeps the figures of the parts that it runs beside those kept before
    python bench/trust.py --parts none --from trust.json --write docs/trust.md   runs nothing, writes the page of all kept

A part that fails makes the exit status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BENCH = Path(__file__).parent
ROOT = BENCH.parent
KILLS, INPUTS = 200, 1_000_000
AUDIT_SECONDS = 120

HEAD = """# Trust: the figures

Written by `make bench-trust`. What the parts do, and what is not promised, is in [safety.md](safety.md).
"""


def faults(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """A fault in every function of ours that runs in the user's process."""
    import faults as bench

    outcomes = list(bench.sweep(arguments.every))
    met = [outcome for outcome in outcomes if outcome.calls]
    bad = [f"{o.name} {o.kind}: {o.problem}" for o in outcomes if o.problem]
    kinds = ", ".join(f"{sum(o.kind == kind for o in met)} {kind}" for kind in bench.KINDS)
    text = f"{len(outcomes)} faults tried, {len(met)} of them met by the program ({kinds}); {len(outcomes) - len(bad)} survived"
    return text, bad


def bits(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Every program of the bench, plain against watched."""
    import bits as bench

    pairs = list(bench.compare(bench.programs(arguments.every), arguments.lines, arguments.jobs))
    bad = [f"{pair.program}: {', '.join(pair.differs)}" for pair in pairs if pair.differs]
    own = sum(bool(pair.by_itself) for pair in pairs)
    text = f"{len(pairs)} programs compared with themselves, bit for bit: {len(pairs) - len(bad)} the same"
    return f"{text}; in {own} something differs between two plain runs as well, and is left out", bad


def kills(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """SIGKILL at random moments."""
    import kills as bench

    with tempfile.TemporaryDirectory() as base:
        found = bench.kill(max(1, arguments.kills // arguments.every), Path(base), arguments.seed)
    text = f"{found.kills} kills; {found.rows} rows written before them, {len(found.problems)} records that lost one"
    return text, found.problems


def conditions(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Full disk, damaged records, forks, threads, clocks: tests/test_conditions.py and its neighbours."""
    names = ("conditions", "faults", "probe_failures", "signals", "store", "secrets", "no_pickle")
    return _tests("surroundings and faults", [f"tests/test_{name}.py" for name in names])


def live(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Who may ask the live page, schemathesis on its description."""
    return _tests("the live page", ["tests/test_live_access.py", "tests/test_live_api.py"])


def _tests(what: str, files: list[str]) -> tuple[str, list[str]]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    bad = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    count = sum(line.count(".") for line in lines if "%]" in line)
    return f"{what}: {count} tests passed, {len(bad)} failed", bad or ([lines[-1]] if done.returncode and lines else [])


def inputs(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Damaged and invented input to every reader."""
    import fuzz

    given, crashes = fuzz.run(arguments.inputs // arguments.every, arguments.guided, arguments.seed)
    return f"{given:,} inputs to the readers, {len(crashes)} crashes", [
        f"{c.target}: {c.error} {c.input!r}" for c in crashes
    ]


def load(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """8 watched runs and 50 viewers of the live page."""
    command = [sys.executable, str(BENCH / "live_load.py"), "--runs", "8", "--viewers", "50"]
    done = subprocess.run([*command, "--seconds", str(arguments.seconds)], capture_output=True, text=True)
    print(done.stdout, flush=True)
    keep = ("server:", "viewers:", "requests", "latency", "losses recorded", "memory from")
    lines = [line for line in done.stdout.splitlines() if line.startswith(keep)]
    text = f"8 runs and 50 viewers for {arguments.seconds:g} s: " + "; ".join(lines)
    return text, [done.stdout[-500:] + done.stderr[-500:]] if done.returncode else []


def audit(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """pip-audit over what flatline itself needs, with its extras for users, in the versions that are installed here."""
    needed = _needed("flatline")
    with tempfile.TemporaryDirectory() as base:
        pinned = Path(base) / "requirements.txt"
        pinned.write_text("".join(f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(needed.items())))
        python = sys.executable
        if importlib.util.find_spec("pip_audit") is None:
            python = f"{base}/venv/bin/python"
            subprocess.run([sys.executable, "-m", "venv", f"{base}/venv"], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "pip-audit"], capture_output=True)
        command = [
            python,
            "-m",
            "pip_audit",
            "--progress-spinner",
            "off",
            "--no-deps",
            "--disable-pip",
            "-r",
            str(pinned),
        ]
        try:
            done = subprocess.run(command, cwd=base, capture_output=True, text=True, timeout=AUDIT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"pip-audit over {len(needed)} packages: not answered within {AUDIT_SECONDS} s", []
    said = (done.stdout + done.stderr).strip()
    text = f"pip-audit over {len(needed)} packages, which flatline needs with its live page"
    if "No known vulnerabilities" in said:
        return f"{text}: no known vulnerabilities", []
    if "vulnerabilit" in said and "Name" in said:
        return f"{text}: {said.splitlines()[0]}", [said]
    # A registry that cannot be reached says nothing of vulnerabilities, and is not a failure of ours.
    return f"{text}: not answered ({said.splitlines()[-1][:160] if said else 'no word'})", []


def _needed(package: str, extras: tuple[str, ...] = ("live",)) -> dict[str, str]:
    """What a package needs, and what that needs, as it is installed: names with versions, without the package itself."""
    found: dict[str, str] = {}
    left = [(package, extras)]
    while left:
        name, wanted = left.pop()
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for text in installed.requires or []:
            need = Requirement(text)
            markers = [need.marker.evaluate({"extra": extra}) for extra in ("", *wanted)] if need.marker else [True]
            key = canonicalize_name(need.name)
            if any(markers) and key not in found:
                with contextlib.suppress(metadata.PackageNotFoundError):
                    found[key] = metadata.version(need.name)
                    left.append((need.name, tuple(need.extras)))
    return found


PARTS: dict[str, Callable[[argparse.Namespace], tuple[str, list[str]]]] = {
    part.__name__: part for part in (faults, kills, inputs, conditions, live, audit, bits, load)
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--parts", default="", metavar="A,B", help="the same, as one word; none runs nothing")
    parser.add_argument("--every", type=int, default=1, help="one in so many faults, kills, inputs and programs")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument(
        "--guided", type=int, default=0, help="inputs for each reader that atheris chooses, in addition"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the load lasts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="programs at a time in the part bits")
    parser.add_argument("--lines", type=Path, metavar="FILE", help="where the part bits goes on after an interruption")
    parser.add_argument(
        "--from", dest="kept", type=Path, metavar="FILE", help="figures of earlier parts; new ones are added"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures to this page")
    arguments = parser.parse_args()
    names = [*arguments.names, *filter(None, arguments.parts.split(","))]
    unknown = set(names) - {*PARTS, "none"}
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}, none")
    warnings.simplefilter("ignore")
    figures = Figures(arguments.kept)
    for name in names or PARTS:
        if name != "none":
            began = time.monotonic()
            text, problems = PARTS[name](arguments)
            took = time.monotonic() - began
            print(f"{name}: {text} ({took:.0f} s)", *problems, sep="\n    ", flush=True)
            figures.add(name, text, problems, took)
    if arguments.write:
        figures.write(arguments.write)
    return int(figures.failed)


class Figures:
    """What the parts have shown, each with when and where; kept in a file, so that parts may be run one by one."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        known = json.loads(file.read_text(encoding="utf-8")) if file is not None and file.exists() else {}
        self._parts: dict[str, dict[str, Any]] = known

    @property
    def failed(self) -> bool:
        return any(part["problems"] for part in self._parts.values())

    def add(self, name: str, text: str, problems: list[str], seconds: float) -> None:
        where = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
        self._parts[name] = {
            "text": text, "problems": problems, "seconds": seconds, "date": time.strftime("%Y-%m-%d"), "where": where
        }  # fmt: skip
        if self._file is not None:
            self._file.write_text(json.dumps(self._parts, indent=1), encoding="utf-8")

    def write(self, page: Path) -> None:
        rows: list[str] = []
        for name in PARTS:
            part = self._parts.get(name)
            if part is None:
                rows.append(f"| {name} | not run | | |")
                continue
            rows.append(f"| {name} | {_cell(part['text'])} | {part['seconds']:.0f} s | {part['date']} |")
            rows += [f"| | not held: {_cell(problem)[:200]} | | |" for problem in part["problems"][:20]]
        where = " and on ".join(sorted({part["where"] for part in self._parts.values()}))
        table = "\n".join(["| part | figures | took | run on |", "|---|---|---|---|", *rows])
        page.write_text(f"{HEAD}\nOn {where}.\n\n{table}\n", encoding="utf-8")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
