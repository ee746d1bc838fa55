from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("runs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty working folder for a program, with room beside it for the record."""
    made = tmp_path / "work"
    made.mkdir()
    return made
