"""What is wrong between processes is proven by bringing them together, or apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flatline.interventions.ranks import Ranks

CASES = Path(__file__).parent.parent / "bench" / "cases"


@pytest.mark.parametrize(
    ("program", "causes"),
    [
        # What makes that rank's loss 0 is a cause of its own.
        ("rank-hidden/faulty_margin", {"rank-hidden", "inactive-margin"}),
        ("ranks-diverged/faulty_unequal_start", {"ranks-diverged"}),
        ("ranks-same-data/faulty_stream", {"ranks-same-data"}),
        ("ranks-uneven/faulty_short_shard", {"ranks-uneven"}),
    ],
)
def test_a_fault_between_ranks_is_proven(program: str, causes: set[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flatline", "prove", "--quiet", "--seeds", "1", "--json", "verdict.json"]
    subprocess.run(
        [*command, str(CASES / f"{program}.py")], cwd=tmp_path, capture_output=True, check=False, timeout=300
    )
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    proven = {cause["name"] for cause in verdict["causes"] if cause["level"] == "proven"}
    assert proven == causes, verdict["proof"]["text"]


def test_ranks_know_four_ways() -> None:
    with pytest.raises(TypeError, match="cannot be changed by 'apart'"):
        Ranks("apart")
