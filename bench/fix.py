"""What fixes do: runs every case with ``flatline fix`` and prints which faults it cures.

    python bench/fix.py [FILTER …] [--every N] [--jobs N] [--results FILE] [--write FILE]

A program with a mechanical cure is a faulty one for which a patch was tried: its fault, found, names a change of the
source that follows from it. It counts as cured when the patch applied, and the changed program ran to its end and no
longer showed the fault or its sign. The others are named with the reason. A healthy program must not be changed.

Results are kept as they come in, one JSON object a line, and what is there already is not run again: the bench can be
stopped and goes on later. Delete the file to begin anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import Case, cases
from page import put

SECONDS = 900
RESULTS = Path("build/fix.jsonl")


def run(case: Case) -> dict[str, Any]:
    """What ``flatline fix`` says of a case, in a folder of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory(prefix="fix-") as folder:
        shutil.copy(case.path, folder)
        told = Path(folder, "fix.json")
        command = [sys.executable, "-m", "flatline", "fix", "--quiet", "--json", str(told), "--runs", f"{folder}/runs"]
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [*command, case.path.name, *case.args],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
            output = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            output = f"took more than {SECONDS} s"
        found = json.loads(told.read_text()) if told.is_file() else None
        same = Path(folder, case.path.name).read_bytes() == case.path.read_bytes()
    return {
        "name": case.name,
        "causes": case.causes,
        "found": found,
        "untouched": same,
        "seconds": round(time.perf_counter() - began, 1),
        "output": "" if found else output[-500:],
    }


def tried(result: dict[str, Any]) -> bool:
    """Whether a patch for a fault that the program has was made and run."""
    found = result["found"] or {"fixes": [], "left": []}
    made = [f["cause"] for f in found["fixes"]] + [item["cause"] for item in found["left"] if item["tried"]]
    return any(cause in result["causes"] for cause in made)


def cured(result: dict[str, Any]) -> bool:
    found = result["found"] or {"fixes": []}
    return any(f["cause"] in result["causes"] and f["verified"] for f in found["fixes"])


def whole(result: dict[str, Any]) -> bool:
    """Whether nothing is left: every fault that was found has a fix."""
    return cured(result) and not result["found"]["left"]


def describe(result: dict[str, Any]) -> str:
    found = result["found"]
    if found is None:
        return f"{result['name']}: no answer. {result['output'][-200:]}"
    parts = [f"{f['cause']}: {f['text']}" for f in found["fixes"]]
    parts += [
        f"{item['cause']}: {item['reason']}" + "".join(f" [{t['text']} {t['reason']}]" for t in item["tried"])
        for item in found["left"]
    ]
    return f"{result['name']}: {' | '.join(parts) or 'no fault was found'}"


def table(results: list[dict[str, Any]]) -> str:
    faulty = [r for r in results if r["causes"] and r["causes"] != ["unknown"]]
    healthy = [r for r in results if not r["causes"]]
    mechanical = [r for r in faulty if tried(r)]

    def share(part: list[Any], total: list[Any]) -> str:
        return f"{len(part)}/{len(total)} = {len(part) / len(total):.1%}" if total else "none"

    patched = [r for r in healthy if r["found"] is None or r["found"]["fixes"]]
    rows = [
        f"  faulty programs with a mechanical cure                  {share(mechanical, faulty)}",
        f"  of these: applies, runs and removes the fault           {share([r for r in mechanical if cured(r)], mechanical)}",
        f"  of these: and leaves no other fault                     {share([r for r in mechanical if whole(r)], mechanical)}",
        f"  healthy programs for which a change was offered         {share(patched, healthy)}",
        f"  programs whose own file was touched (without --apply)   {share([r for r in results if not r['untouched']], results)}",
    ]
    return "\n".join(rows)


def told(results: list[dict[str, Any]]) -> str:
    """The table, and every faulty program with what came of it."""
    faulty = [r for r in results if r["causes"]]
    kinds = {
        "cured": [r for r in faulty if cured(r)],
        "tried, and not cured": [r for r in faulty if tried(r) and not cured(r)],
        "no change of the source to try": [r for r in faulty if not tried(r)],
    }
    text = f"{len(results)} programs\n{table(results)}\n"
    for title, part in kinds.items():
        text += f"\n{title} ({len(part)}):\n" + "".join(f"  {describe(r)}\n" for r in part)
    text += f"\n{sum(r['seconds'] for r in results):.0f} s in all\n"
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="only each N-th case")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; each runs two programs at a time")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    rows = options.results.read_text().splitlines() if options.results.exists() else []
    known = {row["name"]: row for row in map(json.loads, rows)}
    chosen = cases(options.filters)[:: options.every]
    missing = [case for case in chosen if case.name not in known]
    with ThreadPoolExecutor(options.jobs) as pool, options.results.open("a") as file:
        for number, result in enumerate(pool.map(run, missing), 1):
            known[result["name"]] = result
            file.write(json.dumps(result) + "\n")
            file.flush()
            print(f"{number}/{len(missing)} {describe(result)} ({result['seconds']} s)", file=sys.stderr, flush=True)
    results = [known[case.name] for case in chosen]
    text = told(results)
    print(text)
    if options.write:
        put(options.write, text)
    bad = [r for r in results if not r["untouched"] or (not r["causes"] and (r["found"] or {"fixes": []})["fixes"])]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
