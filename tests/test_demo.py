"""``flatline demo``: the programs of the package fail as they say, and are diagnosed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flatline.cli import main
from flatline.commands.demo import PROGRAMS, programs
from runs import execute

CAUSES = {
    "predicts_the_mean": "target-broadcast",
    "printed_zero": "reporting-bug",
    "rising_loss": "learning-rate-too-high",
    "stuck_loss": "softmax-before-cross-entropy",
    "zero_after_first_epoch": "empty-epoch",
    "zero_loss": "one-class-softmax",
}


def test_the_menu_says_what_one_sees() -> None:
    shown = CliRunner().invoke(main, ["demo", "--list"])
    assert shown.exit_code == 0 and list(programs()) == sorted(CAUSES)
    for number, (name, told) in enumerate(programs().items(), 1):
        assert told.endswith(".") and f"  {number}  {name}" in shown.output
    for cause in CAUSES.values():
        assert cause not in "".join(file.read_text() for file in PROGRAMS.glob("*.py"))


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_each_program_is_diagnosed(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flatline", "demo", name.replace("_", "-"), "--folder", str(tmp_path / "here")]
    ended = execute(command, tmp_path)
    shown = " ".join(ended.err.decode().replace("│", " ").split())
    assert ended.status == 0 and f"likely {CAUSES[name]} " in shown, shown
    assert f"flatline fix {name}.py" in shown
    assert (tmp_path / "here" / f"{name}.py").read_bytes() == (PROGRAMS / f"{name}.py").read_bytes()


def test_a_name_that_is_not_there_and_nobody_to_ask(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(main, ["demo", "zero_gain"])
    assert wrong.exit_code == 2 and "there is no program 'zero_gain'" in wrong.output and "zero_loss" in wrong.output
    asked = CliRunner().invoke(main, ["demo"])
    assert asked.exit_code == 2 and "nobody can be asked" in asked.output
    (tmp_path / "zero_loss.py").write_text("mine\n")
    taken = CliRunner().invoke(main, ["demo", "zero_loss", "--folder", str(tmp_path)])
    assert taken.exit_code == 2 and "is another program" in taken.output
    assert (tmp_path / "zero_loss.py").read_text() == "mine\n"
