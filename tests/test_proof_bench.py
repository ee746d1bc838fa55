"""The bench of proofs writes as it goes, goes on where it ended, and sums up what a file holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import proof

FAULTY = "no-signal/faulty_churn_table"
HEALTHY = "no-signal/healthy_noisy_labels"


def result(name: str, level: str = "proven", cause: str = "no-signal") -> proof.Tested:
    case = next(c for c in proof.cases([name]) if c.name == name)
    before: dict[str, Any] = {
        "causes": [{"name": c, "level": "likely"} for c in (cause, "too-few-steps")],
        "ruled_out": [],
    }
    after: dict[str, Any] = {
        "causes": [{"name": cause, "level": level, "experiment": None}],
        "ruled_out": [],
        "proof": {"text": "2 runs.", "trials": []},
    }
    return proof.Tested(case, before, after, 1.0, 5.0, "")


def test_results_are_read_back_without_a_line_that_was_cut_off(tmp_path: Path) -> None:
    results = proof.Results(tmp_path / "lines.jsonl")
    assert results.read() == []
    results.add(result(FAULTY, "likely"))
    results.add(result(FAULTY))
    results.add(result(HEALTHY))
    with (tmp_path / "lines.jsonl").open("ab") as file:
        file.write(b'{"case": "no-sig')
    # A case that is run again counts as it was last.
    assert results.read() == [result(FAULTY), result(HEALTHY)]


def test_only_what_is_missing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    lines = tmp_path / "lines.jsonl"
    proof.Results(lines).add(result(FAULTY))
    ran: list[str] = []

    def run(case: Any) -> proof.Tested:
        ran.append(case.name)
        return result(case.name, "likely", "no-signal")

    monkeypatch.setattr(proof, "run", run)
    monkeypatch.setattr(sys, "argv", ["proof.py", FAULTY, HEALTHY, "--lines", str(lines)])
    assert proof.main() == 0
    assert ran == [HEALTHY] and len(proof.Results(lines).read()) == 2
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["proof.py", "--from", str(lines)])
    assert proof.main() == 0
    shown = capsys.readouterr().out
    assert ran == [HEALTHY] and "2 of " in shown
    assert "a right cause proven      1/1 = 100.0%" in shown
    assert (
        "without experiments: a wrong one named too 1/1" in shown
        and "with experiments: a wrong one named too    0/1" in shown
    )


def test_a_proof_on_a_healthy_program_is_wrong() -> None:
    assert "healthy programs: anything proven          1/1" in proof.table([result(HEALTHY)], "t")
    assert result(HEALTHY).wrong == ["no-signal"] and result(FAULTY).wrong == []
