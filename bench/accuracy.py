"""How often the verdict is right: runs every case and prints the table.

    python bench/accuracy.py [FILTER …] [--jobs N] [--write FILE]

A case counts as top-1 when the first cause is one of its true causes, at ``likely`` or above; as line-exact when
that cause's location is one of the lines the case accepts. A healthy case is a false alarm when any cause is at
``likely`` or above. A case of a fault outside the catalogue (``causes: unknown``) is right when the verdict finds it
unhealthy, says that none of its causes explains it, and names none at ``likely`` or above. Cases whose file name hashes to 0 modulo 4 are the hold-out part, reported apart.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from page import put

CASES = Path(__file__).parent / "cases"
EXAMPLES = Path(__file__).parent.parent / "examples"
# A case that asks a hub for a model or a data set fails at once, and does not wait.
NO_DOWNLOADS = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass
class Case:
    path: Path
    causes: list[str]
    lines: list[int]
    expected: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    thread: str = ""
    needs: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """The packages it needs that are not installed here."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    @property
    def name(self) -> str:
        folder = "textbook" if self.path.stem.startswith("textbook") else self.path.parent.name
        return f"{folder}/{self.path.stem}"

    @property
    def healthy(self) -> bool:
        return not self.causes

    @property
    def unknown(self) -> bool:
        return self.causes == ["unknown"]

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.name.encode()).digest()[0] % 4 == 0


def load(path: Path) -> Case:
    """Reads what a case says of itself; raises ValueError when it is not well-formed."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    doc = ast.get_docstring(tree) or ""
    end = tree.body[0].end_lineno or 0
    fields: dict[str, list[str]] = {}
    for row in doc.splitlines():
        key, _, value = row.partition(": ")
        if key in ("causes", "line", "thread", "expected", "args", "needs"):
            fields.setdefault(key, []).append(value.strip())
    if "causes" not in fields:
        raise ValueError(f"{path}: the docstring names no causes")
    causes = [c.strip() for c in fields["causes"][0].split(",") if c.strip() != "none"]
    source = text.splitlines()
    lines = []
    for snippet in fields.get("line", []):
        found = [i for i, row in enumerate(source, 1) if i > end and snippet in row]
        if len(found) != 1:
            raise ValueError(f"{path}: {snippet!r} is on {len(found)} lines, not one")
        lines.append(found[0])
    if "unknown" in causes and len(causes) > 1:
        raise ValueError(f"{path}: an unknown fault stands alone")
    if causes and causes != ["unknown"] and not lines:
        raise ValueError(f"{path}: a faulty case names its line")
    return Case(
        path,
        causes,
        lines,
        fields.get("expected", []),
        fields.get("args", [""])[0].split(),
        fields.get("thread", [""])[0],
        [name.strip() for row in fields.get("needs", []) for name in row.split(",")],
    )


def cases(filters: list[str] | None = None) -> list[Case]:
    """The cases whose packages are installed."""
    return [c for c in every_case(filters) if not c.missing]


def every_case(filters: list[str] | None = None) -> list[Case]:
    paths = sorted([*CASES.glob("*/*.py"), *EXAMPLES.glob("textbook_*.py")])
    found = [load(p) for p in paths if p.stem.startswith(("faulty_", "healthy_", "textbook_"))]
    return [c for c in found if not filters or any(f in c.name for f in filters)]


def run(case: Case, timeout: float = 120) -> dict[str, Any]:
    """The verdict on a case, with ``status``, ``seconds`` and ``output`` added."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "verdict.json"
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **NO_DOWNLOADS}
        began = time.perf_counter()
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "flatline",
                "run",
                "--quiet",
                "--json",
                str(out),
                "--runs",
                folder,
                str(case.path.resolve()),
                *case.args,
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            env=env,
            timeout=timeout,
            check=False,
        )
        verdict: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
        verdict["status"] = process.returncode
        verdict["seconds"] = time.perf_counter() - began
        verdict["output"] = process.stdout + process.stderr
    return verdict


@dataclass
class Score:
    case: Case
    verdict: dict[str, Any]

    @property
    def faults(self) -> list[dict[str, Any]]:
        return [c for c in self.verdict.get("causes", []) if c["level"] != "possible"]

    @property
    def top1(self) -> bool:
        return bool(self.faults) and self.faults[0]["name"] in self.case.causes

    @property
    def top3(self) -> bool:
        return any(c["name"] in self.case.causes for c in self.verdict.get("causes", [])[:3])

    @property
    def line(self) -> bool:
        for cause in self.faults:
            if cause["name"] in self.case.causes:
                location = cause["location"]
                return location is not None and location["line"] in self.case.lines
        return False

    @property
    def all_found(self) -> bool:
        return set(self.case.causes) <= {c["name"] for c in self.verdict.get("causes", [])}

    @property
    def admitted(self) -> bool:
        """The verdict says that something is wrong and that no cause it knows explains it."""
        return not self.faults and not self.verdict.get("healthy", True) and "None of the" in self.verdict["summary"]

    @property
    def expected_found(self) -> bool:
        return set(self.case.expected) <= {e["name"] for e in self.verdict.get("expected", [])}

    def describe(self) -> str:
        causes = ", ".join(
            f"{c['name']}[{c['level'][:2]} {c['confidence']:.2f} l{c['location']['line'] if c['location'] else '-'}]"
            for c in self.verdict.get("causes", [])[:4]
        )
        symptoms = ",".join(s["name"] for s in self.verdict.get("symptoms", []))
        failures = f" PROBE FAILURES {self.verdict['probe_failures']}" if self.verdict.get("probe_failures") else ""
        return f"{self.case.name}: wants {self.case.causes or 'nothing'} l{self.case.lines}; symptoms {symptoms}; got {causes or 'nothing'}{failures}"


def table(scores: list[Score], title: str) -> str:
    unknown = [s for s in scores if s.case.unknown]
    faulty = [s for s in scores if not s.case.healthy and not s.case.unknown]
    healthy = [s for s in scores if s.case.healthy]

    def share(part: list[Score], total: list[Score]) -> str:
        return f"{len(part)}/{len(total)} = {len(part) / len(total):.1%}" if total else "none"

    rows = [
        f"{title}",
        f"  faulty programs: right cause first        {share([s for s in faulty if s.top1], faulty)}",
        f"  faulty programs: right cause in first 3   {share([s for s in faulty if s.top3], faulty)}",
        f"  faulty programs: line exact               {share([s for s in faulty if s.line], faulty)}",
        f"  healthy programs: false alarms            {share([s for s in healthy if s.faults], healthy)}",
        f"  healthy programs: benign zero called so   "
        f"{share([s for s in healthy if s.case.expected and s.expected_found], [s for s in healthy if s.case.expected])}",
    ]
    if unknown:
        rows.append(f"  faults outside the catalogue: said so     {share([s for s in unknown if s.admitted], unknown)}")
    both = [s for s in faulty if len(s.case.causes) > 1]
    if both:
        rows.append(f"  programs with several faults: all named   {share([s for s in both if s.all_found], both)}")
    return "\n".join(rows)


def confusion(scores: list[Score]) -> str:
    counts: Counter[tuple[str, str]] = Counter()
    for score in scores:
        for cause in score.case.causes or ["(healthy)"]:
            got = score.faults[0]["name"] if score.faults else "(nothing)"
            if score.top1:
                got = cause
            elif score.case.unknown and score.admitted:
                got = "unknown"
            counts[cause, got] += 1
    rows = ["true cause                     first verdict                  programs"]
    rows += [
        f"{true:30} {got:30} {n}{'' if true == got or (true == '(healthy)' and got == '(nothing)') else '   <-'}"
        for (true, got), n in sorted(counts.items())
    ]
    return "\n".join(rows)


def missed(score: Score) -> bool:
    """Whether the verdict differs from what the case states of itself."""
    if score.case.healthy:
        return bool(score.faults)
    if score.case.unknown:
        return not score.admitted
    return not (score.top1 and score.line and score.all_found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    chosen = cases(options.filters)
    skipped = [f"  {c.name}: {', '.join(c.missing)}" for c in every_case(options.filters) if c.missing]
    began = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        scores = [Score(c, v) for c, v in zip(chosen, pool.map(run, chosen))]
    misses = [
        s
        for s in scores
        if missed(s) or not s.expected_found or s.verdict.get("probe_failures") or not s.verdict.get("run")
    ]
    parts = [
        table(scores, f"all {len(scores)} programs"),
        table([s for s in scores if s.case.held_out], "hold-out by hash of the name"),
        table([s for s in scores if not s.case.held_out], "the rest"),
        confusion(scores),
        "misses:" if misses else "no misses",
        *(f"  {s.describe()}" for s in misses),
        *(["skipped: not installed", *skipped] if skipped else []),
        f"{time.perf_counter() - began:.0f} s",
    ]
    text = "\n\n".join(parts[:4]) + "\n\n" + "\n".join(parts[4:])
    print(text)
    if options.write:
        put(options.write, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
