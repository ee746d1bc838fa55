"""How much `flatline check` finds before the first update: runs the cases and prints the table.

    python bench/preflight.py [FILTER …] [--jobs N] [--write FILE]      (Ctrl-C: the table of what is done)

A faulty program counts as found when one of its true causes is named at `likely` or above, as hinted at when one is
named as `possible`; many faults show only later, in the curve. A healthy program is a false alarm when any cause is at
`likely` or above. Checks that fail on healthy programs are listed, too: they are no causes, but somebody reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy import Case, cases
from flatline.causes.base import catalogue
from page import put


@dataclass
class Outcome:
    case: Case
    verdict: dict[str, Any]
    output: str
    seconds: float

    def _named(self, *levels: str) -> set[str]:
        return {c["name"] for c in self.verdict.get("causes", []) if c["level"] in levels}

    @property
    def alarms(self) -> set[str]:
        return self._named("likely", "proven")

    @property
    def found(self) -> bool:
        return bool(self.alarms & set(self.case.causes))

    @property
    def hinted(self) -> bool:
        return not self.found and bool(self._named("possible") & set(self.case.causes))

    @property
    def stopped(self) -> bool:
        return self.verdict.get("summary", "").startswith(("Before the first", "After the first"))

    @property
    def broken(self) -> str:
        """What of ours went wrong; a run that was not recorded has no version of torch."""
        recorded = "torch" in self.verdict.get("run", {}).get("versions", {})
        return "; ".join(self.verdict.get("probe_failures", [])) or ("" if recorded else self.output[-300:] or "?")

    @property
    def failed(self) -> list[str]:
        return [f"{c['name']}: {c['text']}" for c in self.verdict.get("checks", []) if c["outcome"] == "failed"]


def run(case: Case, timeout: float = 300) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "verdict.json"
        command = [sys.executable, "-m", "flatline", "check", "--quiet", "--json", str(out), "--runs", folder]
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [*command, str(case.path.resolve()), *case.args],
                cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(case, {}, f"not done after {timeout:.0f} s", timeout)
        verdict = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        return Outcome(case, verdict, done.stdout + done.stderr, time.perf_counter() - began)


def table(outcomes: list[Outcome]) -> str:
    """Found, hinted at and all, by true cause; causes that are not asked before training have a dash."""
    total, found, hinted = Counter[str](), Counter[str](), Counter[str]()
    for outcome in outcomes:
        for cause in outcome.case.causes[:1]:
            total[cause] += 1
            found[cause] += outcome.found
            hinted[cause] += outcome.hinted
    known = catalogue()
    rows = ["true cause                     found  hinted  programs"]
    for cause in sorted(total):
        asked = cause in known and known[cause].before_training is not None
        shown = (f"{found[cause]:5}", f"{hinted[cause]:6}") if asked or found[cause] else ("    -", "     -")
        rows.append(f"{cause:30} {shown[0]}  {shown[1]}  {total[cause]:8}")
    return "\n".join(rows)


def report(outcomes: list[Outcome]) -> str:
    faulty = [o for o in outcomes if not o.case.healthy]
    healthy = [o for o in outcomes if o.case.healthy]
    false = [o for o in healthy if o.alarms]
    wrong = [o for o in faulty if o.alarms and not o.found]
    noisy = [o for o in healthy if o.failed]
    failures = [o for o in outcomes if o.broken]
    went_on = [o for o in outcomes if not o.stopped]
    rows = [
        f"{len(outcomes)} programs, {sum(o.seconds for o in outcomes) / max(len(outcomes), 1):.1f} s each",
        f"faulty programs, cause found before the first update  {sum(o.found for o in faulty)} of {len(faulty)}",
        f"faulty programs, cause hinted at                      {sum(o.hinted for o in faulty)} of {len(faulty)}",
        f"healthy programs, false alarms                        {len(false)} of {len(healthy)}",
        f"healthy programs with a failed check                  {len(noisy)} of {len(healthy)}",
        f"faulty programs, another cause named                  {len(wrong)} of {len(faulty)}",
        f"programs that made no update that can be seen         {len(went_on)} of {len(outcomes)}",
        "",
        table(outcomes),
        "",
        *(f"false alarm   {o.case.name}: {', '.join(sorted(o.alarms))}" for o in false),
        *(f"other cause   {o.case.name}: {', '.join(sorted(o.alarms))}" for o in wrong),
        *(f"failed check  {o.case.name}: {text}" for o in noisy for text in o.failed),
        *(f"no update     {o.case.name}" for o in went_on),
        *(f"our fault     {o.case.name}: {o.broken}" for o in failures),
    ]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    # In an order that has nothing to do with names: what is done when it is interrupted is a fair part.
    chosen = sorted(cases(options.filters), key=lambda case: hashlib.sha256(case.name.encode()).digest())
    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(options.jobs)
    try:
        for future in as_completed([pool.submit(run, case) for case in chosen]):
            outcomes.append(future.result())
            print(f"{len(outcomes)} of {len(chosen)} {outcomes[-1].case.name}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: the report is of what is done", file=sys.stderr)
    pool.shutdown(wait=True, cancel_futures=True)
    outcomes.sort(key=lambda outcome: outcome.case.name)
    text = report(outcomes)
    print(text)
    if options.write:
        put(options.write, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
