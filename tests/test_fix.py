"""``flatline fix`` from the user's side: real programs, real trials, and files that are changed only when asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from flatline.causes.base import catalogue
from flatline.causes.learning_rate_too_high import LearningRateTooHigh
from flatline.cli import main
from flatline.experiments.fixed import Fixes, FixItem, LeftItem, TriedItem, keep, kept, restored, shareable
from flatline.experiments.proof import CurveItem
from flatline.experiments.trial import Status, TrialResult
from flatline.fixes.diff import unified
from flatline.fixes.insert_statement import insert_before
from flatline.fixes.patch import Patch
from flatline.fixing.applying import CannotApply, apply
from flatline.fixing.fixer import fix_run, hidden
from flatline.fixing.judging import not_cured
from flatline.proving import CannotProve
from flatline.report.fixes import as_text
from runs import execute, write

# Its rate is far too high; it counts how often it ran to its end.
TOO_FAST = """
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(64, 10)
y = X[:, :1] - X[:, 1:2]
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=3.0)  # quick
for epoch in range(6):
    losses = []
    for rows in torch.randperm(64).split(8):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} loss {losses[-1]:.4f}")
open("finished.txt", "a").write("x")
"""
HEALTHY = TOO_FAST.replace("lr=3.0", "lr=0.05")


def flatline(folder: Path, *arguments: str) -> tuple[int, str, str]:
    ended = execute([sys.executable, "-m", "flatline", *arguments], folder)
    return ended.status, ended.out.decode(), ended.err.decode()


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a run of the faulty program, in a folder that stays as it is."""
    folder = tmp_path_factory.mktemp("recorded")
    write(folder, "train.py", TOO_FAST)
    flatline(folder, "run", "--quiet", "train.py")
    (store,) = (folder / ".flatline").glob("*.sqlite")
    return store


def test_a_fix_is_shown_verified_and_written_only_when_asked(tmp_path: Path) -> None:
    program = write(tmp_path, "train.py", TOO_FAST)
    before = program.read_bytes()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "train.py")
    git(tmp_path, "commit", "-qm", "first")

    status, out, shown = flatline(tmp_path, "fix", "--json", "fix.json", "--diff", "fix.diff", "train.py")
    assert status == 0, shown
    assert program.read_bytes() == before and (tmp_path / "finished.txt").read_text() == "x"
    (item,) = json.loads((tmp_path / "fix.json").read_text())["fixes"]
    assert item["cause"] == "learning-rate-too-high" and item["verified"]
    assert "rising-loss" in item["before_symptoms"] and "rising-loss" not in item["after_symptoms"]
    diff = (tmp_path / "fix.diff").read_text()
    assert out.endswith(diff) and "+optimizer = torch.optim.SGD(model.parameters(), lr=0." in diff
    assert "before  " in shown and "after  " in shown and "No file was changed" in shown

    # What was tried is known: it is written without another run.
    status, _, shown = flatline(tmp_path, "fix", "--apply", "--last")
    assert status == 0 and (tmp_path / "finished.txt").read_text() == "x", shown
    assert (tmp_path / "train.py.orig").read_bytes() == before
    changed = program.read_text()
    assert "lr=0." in changed and changed.count("\n") == before.decode().count("\n") and "# quick" in changed
    assert (
        "lr=0."
        in CliRunner()
        .invoke(main, ["report", "--markdown", str(next((tmp_path / ".flatline").glob("*.sqlite")))])
        .output
    )

    # Now it is another program than the one that was recorded.
    status, _, shown = flatline(tmp_path, "fix", "--apply", "--last")
    assert status == 1 and "has changed since this run was recorded" in shown
    assert program.read_text() == changed


def test_a_change_that_does_not_cure_is_not_offered(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    useless = Patch("Nothing that matters.", "train.py", 9, insert_before("useless = True"))
    breaking = Patch("Ends the program.", "train.py", 9, insert_before("raise SystemExit(3)"))
    monkeypatch.setattr(LearningRateTooHigh, "patches", lambda *_: [useless, breaking])
    found = fix_run(recorded)
    assert not found.fixes and not found.diff and not found.complete
    (left,) = found.left
    useless_reason, breaking_reason = (tried.reason for tried in left.tried)
    assert useless_reason == "the same fault is found again" and "status 3" in breaking_reason
    assert (known := kept(recorded)) is not None and known.left == found.left


def test_without_verification_a_change_is_shown_and_never_written(recorded: Path) -> None:
    found = fix_run(recorded, verify=False)
    (item,) = found.fixes
    assert not item.verified and "lr=0.3" in item.diff and not found.texts
    refused = CliRunner().invoke(main, ["fix", "--apply", "--no-verify", str(recorded)])
    assert refused.exit_code == 2 and "--apply writes only what was run" in refused.output
    assert CliRunner().invoke(main, ["fix"]).exit_code == 2
    assert CliRunner().invoke(main, ["fix", "--last", "train.py"]).exit_code == 2
    assert "there is no program" in CliRunner().invoke(main, ["fix", "nowhere.py"]).output


def test_a_healthy_program_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "train.py", HEALTHY)
    status, out, shown = flatline(tmp_path, "fix", "train.py")
    assert status == 0 and "nothing to fix" in shown and "@@" not in out


def test_a_run_whose_program_has_changed_cannot_be_fixed(recorded: Path) -> None:
    program = recorded.parents[1] / "train.py"
    old = program.read_text()
    program.write_text(old + "\n")
    try:
        with pytest.raises(CannotProve, match="has changed since this run was recorded; `flatline fix PROGRAM`"):
            fix_run(recorded)
    finally:
        program.write_text(old)


# what a cure must show ---------------------------------------------------------------------------------------------


def _case(*symptoms: str) -> Any:
    recording = SimpleNamespace(
        backwards=9, ended=SimpleNamespace(exception=None), all=lambda *_: [], ranks=[], stopped=None
    )
    return SimpleNamespace(symptoms=[SimpleNamespace(name=name) for name in symptoms], recording=recording)


def _verdict(*faults: str, healthy: bool = True) -> Any:
    found = [SimpleNamespace(name=name) for name in faults]
    return SimpleNamespace(faults=found, healthy=healthy and not faults, expected=[])


@pytest.mark.parametrize(
    ("seen", "faults", "healthy", "reason"),
    [
        ((), (), True, ""),
        (("zero-loss",), (), True, "zero-loss is still there"),
        ((), ("a",), False, "the same fault is found again"),
        ((), ("c",), False, "another fault is found then: c"),
        (("chance-plateau",), (), True, "it brings another sign of trouble: chance-plateau"),
        ((), (), False, "what it shows then has no explanation"),
        # The other fault that was there before is next.
        (("zero-loss",), ("b",), False, ""),
    ],
)
def test_what_is_no_cure(seen: tuple[str, ...], faults: tuple[str, ...], healthy: bool, reason: str) -> None:
    trial: Any = SimpleNamespace(case=_case(*seen), unmade="", result=TrialResult(Status.FINISHED))
    after = _verdict(*faults, healthy=healthy)
    control: Any = SimpleNamespace(case=_case("zero-loss"), unmade="", result=TrialResult(Status.FINISHED))
    assert not_cured("a", control, _verdict("a", "b"), trial, after) == reason
    trial.result.status = Status.TIMED_OUT
    assert "timed out" in not_cured("a", control, _verdict("a", "b"), trial, after)
    # A zero that came with the cure is one only while nothing explains it.
    fitted: Any = SimpleNamespace(case=_case("zero-loss"), unmade="", result=TrialResult(Status.FINISHED))
    stuck: Any = SimpleNamespace(case=_case(), unmade="", result=TrialResult(Status.FINISHED))
    assert "zero-loss" in not_cured("a", stuck, _verdict("a"), fitted, _verdict())
    explained = _verdict()
    explained.expected = ["honest-fit"]
    assert not not_cured("a", stuck, _verdict("a"), fitted, explained)
    trial.result.status, trial.result.message = Status.CRASHED, "it ended with status 3"
    assert "status 3" in not_cured("a", control, _verdict("a", "b"), trial, after)


# writing -----------------------------------------------------------------------------------------------------------


def test_a_copy_is_kept_and_no_earlier_one_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    for number, text in enumerate(("one\r\n", "two\r\n", "three\r\n")):
        file.write_bytes(text.encode())
        file.chmod(0o754)
        ((written, copy),) = apply({str(file): (text, "new\r\n")})
        assert written == file and file.read_bytes() == b"new\r\n" and file.stat().st_mode & 0o777 == 0o754
        assert copy.name == ("train.py.orig", "train.py.orig.2", "train.py.orig.3")[number]
        assert copy.read_bytes() == text.encode()
    assert len(list(tmp_path.iterdir())) == 4


def test_work_that_is_not_committed_is_not_written_over(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    file = tmp_path / "train.py"
    file.write_text("old\n")
    # Git does not know it: there is nothing that the fix could be mixed up with.
    apply({str(file): ("old\n", "new\n")})
    git(tmp_path, "add", "train.py")
    with pytest.raises(CannotApply, match="not committed"):
        apply({str(file): ("new\n", "newer\n")})
    git(tmp_path, "commit", "-qm", "first")
    apply({str(file): ("new\n", "newer\n")})
    with pytest.raises(CannotApply, match="not committed"):
        apply({str(file): ("newer\n", "newest\n")})
    assert file.read_text() == "newer\n"


def test_a_file_that_is_not_what_was_run_is_not_touched(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("1\n")
    other.write_text("2\n")
    with pytest.raises(CannotApply, match=r"other\.py has changed since the run"):
        apply({str(one): ("1\n", "11\n"), str(other): ("3\n", "4\n")})
    with pytest.raises(CannotApply, match="cannot be read"):
        apply({str(tmp_path / "gone.py"): ("", "1\n")})
    assert one.read_text() == "1\n" and sorted(p.name for p in tmp_path.iterdir()) == ["one.py", "other.py"]


def test_what_a_link_leads_to_is_changed(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("1\n")
    os.symlink("real.py", tmp_path / "train.py")
    apply({str(tmp_path / "train.py"): ("1\n", "2\n")})
    assert (tmp_path / "train.py").is_symlink() and (tmp_path / "real.py").read_text() == "2\n"


def test_a_record_of_fixes_holds_no_secret_and_still_writes_them(tmp_path: Path) -> None:
    secret = "sk-proj-" + "a1B2" * 10
    file, store = tmp_path / "train.py", tmp_path / "run.sqlite"
    old = f"api_key = '{secret}'\r\nlr = 1.0\r\nend()"
    file.write_bytes(old.encode())
    new = old.replace("1.0", "0.1")
    found = Fixes([], [], {str(file): (old, new)}, unified(old, new, "train.py"), True)
    assert secret in found.diff
    keep(store, shareable(found, hidden(["train.py"], {})))
    assert secret.encode() not in store.read_bytes() and b"lr = 0.1" in store.read_bytes()
    stored = kept(store)
    assert stored is not None and (again := restored(stored)) is not None and again.texts == found.texts
    file.write_bytes(new.encode())
    assert restored(stored) is None
    # A changed line that holds one cannot be written from the record.
    leaking = Fixes([], [], {str(file): (new, new.replace("api", "my_api"))}, "", True)
    assert restored(shareable(leaking, hidden(["train.py"], {}))) is None


# showing -----------------------------------------------------------------------------------------------------------


def test_the_terminal_report(snapshot: Any) -> None:
    fix = FixItem(
        "learning-rate-too-high", "The learning rate is a tenth of what it was.", "/home/me/train.py", 9, "", True,
        CurveItem([0, 1, 2], [1.0, 8.0, "inf"]), CurveItem([0, 1, 2], [1.0, 0.5, 0.2]),
        "loss 1 to inf in 3 steps", "loss 1 to 0.2 in 3 steps", ["rising-loss"], [],
    )  # fmt: skip
    left = [
        LeftItem("too-few-steps", "how to cure it is for you to choose"),
        LeftItem("graph-cut", "no change that was tried cures it", [TriedItem("Kept.", "", "it left no \x1b record")]),
    ]
    text = as_text("The loss rises.", Fixes([fix], left, {}, "", True), "flatline fix --apply RUN")
    assert "\x1b" not in text
    assert text == snapshot


def test_every_cause_that_can_be_found_has_a_cure_or_tells_the_choice() -> None:
    silent = {"honest-fit", "zero-by-design"}
    for name, cause in catalogue().items():
        mechanical = "patches" in vars(type(cause))
        assert (mechanical or bool(cause.choices)) == (name not in silent), name
        assert not (mechanical and cause.choices), name
        for choice in cause.choices:
            assert choice.what.endswith(".") and choice.cost and not choice.cost.endswith("."), name
