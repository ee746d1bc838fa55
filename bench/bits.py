"""Runs programs plainly and watched, and compares every bit: output, losses, final weights, random states, status.

Beside each program an observer of its own is loaded, the same in both runs, that writes at the end what the program
computed: it is found on PYTHONPATH as ``sitecustomize``, so the program stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS = 600
MOVED = 6

OBSERVER = """
import atexit, hashlib, os, random, sys

def digest():
    torch = sys.modules.get("torch")
    rows = [hashlib.sha256(repr(random.getstate()).encode()).hexdigest()]
    if "numpy" in sys.modules:
        rows.append(hashlib.sha256(repr(sys.modules["numpy"].random.get_state()).encode()).hexdigest())
    if torch is not None and hasattr(torch, "get_rng_state"):
        rows.append(hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest())
        for group in (group for held in optimizers for group in held.param_groups):
            for weight in group["params"]:
                if weight.device.type != "meta" and weight.layout == torch.strided:
                    data = weight.detach().cpu().contiguous().view(torch.uint8) if weight.dim() else weight.detach().cpu()
                    rows.append(hashlib.sha256(str(data.tolist()).encode()).hexdigest())
    rows.append(losses.hexdigest())
    with open(target, "w") as file:
        file.write("\\n".join(rows))

losses, optimizers = hashlib.sha256(), []
# Not in the process that starts the program, and not in children of the program.
if "BITS" in os.environ and sys.orig_argv[1:3] != ["-m", "flatline"]:
    target = os.environ.pop("BITS")
    import numpy
    import torch
    moved = int(os.environ.pop("BITS_MOVED"))
    held = [torch.empty(1 + 997 * moved * n % 4999) for n in range(100 * moved)][:: moved + 1]
    # Two plain runs differ where these are seeded by the system.
    random.seed(0)
    numpy.random.seed(0)
    backward, make = torch.Tensor.backward, torch.optim.Optimizer.__init__
    def told(self, *args, **kwargs):
        if self.numel() == 1:
            losses.update(str(self.detach().double().reshape(()).cpu().numpy().tobytes()).encode())
        return backward(self, *args, **kwargs)
    def made(self, *args, **kwargs):
        optimizers.append(self)
        return make(self, *args, **kwargs)
    torch.Tensor.backward, torch.optim.Optimizer.__init__ = told, made
    atexit.register(digest)
"""


@dataclass
class Pair:
    """One program, and what differs between its plain and its watched run though two plain runs agree in it."""

    program: str
    differs: list[str]
    # What differs between two plain runs as well.
    by_itself: list[str] = field(default_factory=list)


def programs(every: int = 1) -> list[Path]:
    """Every n-th program of the bench and of the examples."""
    found = [*sorted((ROOT / "bench" / "cases").glob("*/*.py")), *sorted((ROOT / "examples").glob("*.py"))]
    for folder in ("frameworks", "framework_cases"):
        found += sorted((ROOT / "bench" / folder).rglob("*.py"))
    return [path for path in found if not path.name.startswith("_")][::every]


def compare(paths: list[Path], lines: Path | None = None, jobs: int = 1) -> Iterator[Pair]:
    """Runs each program plain and watched, ``jobs`` programs at a time. What ``lines`` holds already is not run again;
    what is found is added to it, a line a program."""
    known = _known(lines)
    names = {path: str(path.relative_to(ROOT)) for path in paths}
    yield from (known[name] for name in names.values() if name in known)
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_pair, path) for path, name in names.items() if name not in known]):
            pair = done.result()
            if lines is not None:
                with lines.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([pair.program, pair.differs, pair.by_itself]) + "\n")
            yield pair


def _known(lines: Path | None) -> dict[str, Pair]:
    if lines is None or not lines.exists():
        return {}
    whole = lines.read_text(encoding="utf-8").rpartition("\n")[0]
    return {pair.program: pair for pair in (Pair(*json.loads(line)) for line in whole.splitlines())}


def _pair(path: Path) -> Pair:
    """One program plain and watched; where they differ, plain again, with its memory elsewhere: what differs then, too, is the
    program's own. (``torch.linalg.lstsq`` of the same numbers gives some 40 results in 400 calls of one process.)"""
    name = str(path.relative_to(ROOT))
    with tempfile.TemporaryDirectory() as base:
        lib = Path(base) / "lib"
        lib.mkdir()
        (lib / "sitecustomize.py").write_text(OBSERVER)
        try:
            plain, watched = (_run(path, Path(base), how) for how in ("plain", "watched"))
            differs = [part for part in plain if plain[part] != watched[part]]
            left = differs
            for moved in range(MOVED if differs else 0):
                again = _run(path, Path(base), "plain", moved)
                left = [part for part in left if again[part] == plain[part]]
                if not left:
                    break
        except subprocess.TimeoutExpired as error:
            return Pair(name, [f"took more than {error.timeout:.0f} s"])
    return Pair(name, left, [part for part in differs if part not in left])


def _run(path: Path, base: Path, how: str, moved: int = 0) -> dict[str, object]:
    bits, folder = base / "bits", base / "work"
    folder.mkdir(exist_ok=True)
    bits.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": str(base / "lib")}
    environment |= {"BITS": str(bits), "BITS_MOVED": str(moved)}
    runs = ["-m", "flatline", "run", "--quiet", "--runs", str(base / "runs")] if how == "watched" else []
    command = [sys.executable, *runs, str(path)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS)
    return {
        "status": done.returncode,
        "stdout": _same_everywhere(done.stdout),
        "stderr": _same_everywhere(done.stderr),
        "losses, weights, random states": bits.read_text() if bits.exists() else "",
    }


def _same_everywhere(text: bytes) -> str:
    """Without what differs between two plain runs: addresses, and times of a progress bar."""
    found = re.sub(r"0x[0-9a-f]{6,}", "0x…", text.decode(errors="replace"))
    return re.sub(r"\d+(\.\d+)? ?(s|ms|it/s|s/it)\b|\d\d:\d\d", "…", found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="one in so many programs")
    parser.add_argument("--jobs", type=int, default=2, help="programs at a time")
    parser.add_argument("--lines", type=Path, metavar="FILE", help="a line a program; those in it are not run again")
    arguments = parser.parse_args()
    count = bad = own = 0
    for pair in compare(programs(arguments.every), arguments.lines, arguments.jobs):
        count += 1
        bad += bool(pair.differs)
        own += bool(pair.by_itself)
        if pair.differs:
            print(f"{pair.program}: {', '.join(pair.differs)}", flush=True)
    print(f"{count} programs, {bad} computed something else when watched; {own} differ between two plain runs, too")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
