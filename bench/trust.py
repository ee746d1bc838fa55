"""Shows that flatline harms no run, loses nothing, and lets no one in; prints figures and writes docs/trust.md.

    python bench/trust.py                          all parts, about an hour and a half on two cores
    python bench/trust.py faults kills             some of them
    python bench/trust.py bits --every 20          every 20th program
    python bench/trust.py load --seconds 600       8 watched runs, 50 viewers

A part that fails makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent
KILLS, INPUTS = 200, 1_000_000

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

    pairs = list(bench.compare(bench.programs(arguments.every)))
    bad = [f"{pair.program}: {', '.join(pair.differs)}" for pair in pairs if pair.differs]
    return f"{len(pairs)} programs compared with themselves, bit for bit: {len(pairs) - len(bad)} the same", bad


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
    keep = ("requests", "latency", "losses recorded", "memory")
    lines = [line for line in done.stdout.splitlines() if line.startswith(keep)]
    text = f"8 runs and 50 viewers for {arguments.seconds:g} s: " + "; ".join(lines[:4] + lines[-1:])
    return text, [done.stdout[-500:] + done.stderr[-500:]] if done.returncode else []


def audit(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """pip-audit over what flatline itself needs."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--skip-editable", "--local"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    if "No known vulnerabilities" in said:
        return "pip-audit: no known vulnerabilities", []
    if "vulnerabilit" in said and "Name" in said:
        return f"pip-audit: {said.strip().splitlines()[0]}", [said.strip()]
    reason = said.strip().splitlines()[-1] if said.strip() else "no answer"
    # A registry that cannot be reached says nothing of vulnerabilities, and is not a failure of ours.
    return f"pip-audit: not answered ({reason[:160]})", []


PARTS: dict[str, Callable[[argparse.Namespace], tuple[str, list[str]]]] = {
    part.__name__: part for part in (faults, kills, inputs, conditions, live, audit, bits, load)
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--every", type=int, default=1, help="one in so many faults, kills, inputs and programs")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument(
        "--guided", type=int, default=0, help="inputs for each reader that atheris chooses, in addition"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the load lasts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures to this page")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    warnings.simplefilter("ignore")
    lines, failed = [], False
    for name in arguments.parts or PARTS:
        began = time.monotonic()
        text, problems = PARTS[name](arguments)
        failed = failed or bool(problems)
        print(f"{name}: {text} ({time.monotonic() - began:.0f} s)", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
        lines.append(f"| {name} | {text} | {time.monotonic() - began:.0f} s |")
        lines += [f"| | not held: {problem[:200]} | |" for problem in problems[:20]]
    if arguments.write:
        where = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}."
        table = "\n".join(["| part | figures | took |", "|---|---|---|", *lines])
        arguments.write.write_text(f"{HEAD}\n{where}\n\n{table}\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
