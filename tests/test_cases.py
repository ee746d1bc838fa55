"""Cases of the bench: the right cause first, on the right line, and no fault found in a healthy program.

Cases that the tool is known to miss are listed in ``bench/known_misses.txt``, each with its reason. A false alarm on a
healthy program cannot be excused there.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"
sys.path.insert(0, str(BENCH))
import accuracy  # noqa: E402

KNOWN_MISSES = {
    line.partition(" # ")[0].strip(): line.partition(" # ")[2].strip()
    for line in (BENCH / "known_misses.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
}
# The folders that every change is tested on: every eighth program of them by hash, or every n-th as said below.
# `make bench-accuracy` runs all.
FOLDERS = (
    "textbook",
    "honest-fit",
    "unknown",
    "lucky-initialization",
    "output-activation-mismatch",
    "saturated-activations",
    "learning-rate-too-high",
    "no-signal",
    "too-few-steps",
    "one-class-softmax",
    "all-targets-masked",
    "reporting-bug",
    "constant-targets",
    "empty-epoch",
    "softmax-before-cross-entropy",
    "parameters-not-optimized",
    "graph-cut",
    "double-sigmoid",
    "gradients-not-cleared",
    "target-broadcast",
    "learning-rate-zero",
)
EVERY = {"textbook": 1, "unknown": 3}


def chosen(case: accuracy.Case) -> bool:
    folder = case.name.split("/")[0]
    return folder in FOLDERS and hashlib.sha256(case.name.encode()).digest()[1] % EVERY.get(folder, 8) == 0


CASES = {case.name: case for case in accuracy.cases() if chosen(case)}
FAULTY = [name for name, case in CASES.items() if not case.healthy]
HEALTHY = [name for name, case in CASES.items() if case.healthy]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_program_is_not_called_sick(name: str) -> None:
    score = accuracy.Score(CASES[name], accuracy.run(CASES[name]))
    assert score.verdict["probe_failures"] == [], score.verdict["probe_failures"]
    assert score.faults == [], score.describe()
    if not score.expected_found and name in KNOWN_MISSES:
        pytest.xfail(KNOWN_MISSES[name])
    assert score.expected_found, f"{name}: wants expected {CASES[name].expected}, got {score.verdict['expected']}"


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_program_gets_its_cause_first_and_its_line(name: str) -> None:
    score = accuracy.Score(CASES[name], accuracy.run(CASES[name]))
    assert score.verdict["probe_failures"] == [], score.verdict["probe_failures"]
    if CASES[name].unknown:
        assert score.admitted, score.describe()
        return
    if name in KNOWN_MISSES and not (score.top1 and score.line and score.all_found):
        pytest.xfail(KNOWN_MISSES[name])
    assert score.top1, score.describe()
    assert score.line, score.describe()
    assert score.all_found, score.describe()


def test_known_misses_are_faulty_cases_that_exist() -> None:
    unknown = set(KNOWN_MISSES) - {case.name for case in accuracy.every_case()}
    assert not unknown, f"bench/known_misses.txt names cases that do not exist: {sorted(unknown)}"
    assert all(reason for reason in KNOWN_MISSES.values()), "each known miss states its reason after ' # '"
