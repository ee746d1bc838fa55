"""``flatline prove``, ``run --prove`` and ``flatline.prove`` from the user's side: real programs, real trials."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from rich.console import Console

import flatline
from flatline.cli import main
from flatline.experiments.trial import Status, TrialResult
from flatline.observe.location import CALLER_FOLDER, Locator
from flatline.proving import CannotProve, program_of
from flatline.record.reader import read
from flatline.report.progress import TrialProgress
from runs import execute, write

# Its rate is ten times too high; it keeps a checkpoint and a log, and counts how often it was started.
TOO_FAST = """
import os
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(64, 10)
y = (X[:, :1] > 0).float()
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3.0)
with open("starts.log", "a") as log:
    log.write("started\\n")
if os.path.exists("last.ckpt"):
    os.remove("last.ckpt")
for epoch in range(2):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(X), y)
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "last.ckpt")
"""


def prove(folder: Path, *arguments: str) -> tuple[int, str]:
    ended = execute([sys.executable, "-m", "flatline", *arguments], folder)
    return ended.status, ended.err.decode()


def test_a_program_is_proven_and_its_files_are_as_one_run_leaves_them(tmp_path: Path) -> None:
    write(tmp_path, "train.py", TOO_FAST)
    status, shown = prove(tmp_path, "run", "--prove", "--strict", "--json", "v.json", "train.py")
    verdict = json.loads((tmp_path / "v.json").read_text())
    cause = verdict["causes"][0]
    assert status == 10 and (cause["name"], cause["level"]) == ("learning-rate-too-high", "proven"), shown
    experiment = cause["experiment"]
    assert experiment["outcome"] == "confirmed" and experiment["changes"][0]["name"] == "learning-rate"
    assert "rising-loss" in experiment["symptoms_in_control"] and "rising-loss" not in experiment["symptoms_in_trial"]
    assert max(experiment["control"]["values"]) > 2 * max(experiment["trial"]["values"])
    assert all(trial["status"] == "finished" for trial in verdict["proof"]["trials"])
    # One start, one checkpoint: the trials have left nothing.
    assert (tmp_path / "starts.log").read_text() == "started\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".flatline", "last.ckpt", "starts.log", "train.py", "v.json"]
    assert re.search(r"control +[▁▂▃▄▅▆▇█]+ ", shown) and re.search(r"Proven[\s│]+cause", shown)

    # The proof is kept with the run, and a recorded run can be proven as well.
    (store,) = (tmp_path / ".flatline").glob("*.sqlite*")
    report = CliRunner().invoke(main, ["report", str(store)])
    assert "proven" in report.output
    checkpoint = (tmp_path / "last.ckpt").stat().st_mtime_ns
    status, _ = prove(tmp_path, "prove", "--quiet", "--seeds", "1", "--json", "w.json", str(store))
    again = json.loads((tmp_path / "w.json").read_text())
    assert status == 0 and again["causes"][0]["level"] == "proven"
    assert again["causes"][0]["experiment"]["trial"] == experiment["trial"]
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == checkpoint

    # One that has changed since is not the one that was recorded.
    write(tmp_path, "train.py", TOO_FAST.replace("lr=3.0", "lr=0.3"))
    status, shown = prove(tmp_path, "prove", str(store))
    assert (
        status == 1
        and "train.py has changed since this run was recorded" in shown
        and "flatline prove PROGRAM" in shown
    )


def test_nothing_is_run_again_when_nothing_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, "train.py", TOO_FAST.replace("lr=3.0", "lr=0.01").replace("range(2)", "range(60)"))
    status, shown = prove(tmp_path, "prove", "--json", "v.json", "train.py")
    assert sorted(path.suffix for path in (tmp_path / ".flatline").glob("2*")) == [".html", ".sqlite"]
    verdict = json.loads((tmp_path / "v.json").read_text())
    assert status == 0 and verdict["proof"]["trials"] == [] and not [c for c in verdict["causes"] if c["experiment"]]
    assert "No cause is left that an experiment could test" in shown.replace("\n", " ")


def test_a_function_is_proven_from_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = torch.randn(64, 10, generator=torch.Generator().manual_seed(0))
    calls = []

    def train() -> None:
        calls.append(1)
        Path("written-by-train.txt").write_text("1")
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=3.0)
        for _ in range(2):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(data), (data[:, :1] > 0).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    state = torch.get_rng_state()
    verdict = flatline.prove(train, show=False, seeds=1)
    assert (verdict.causes[0].name, verdict.causes[0].level) == ("learning-rate-too-high", "proven")
    assert verdict.causes[0].location is not None
    assert verdict.causes[0].location.source.startswith("optimizer = torch.optim.Adam")
    assert calls == [] and torch.equal(torch.get_rng_state(), state) and list(tmp_path.iterdir()) == []


def test_the_script_that_calls_the_function_is_nobodys_line(tmp_path: Path) -> None:
    """Not even where none of the user's frames is there, as while what the function holds on to is unpickled."""
    folder = tmp_path / f"{CALLER_FOLDER}x"
    frames: dict[str, Any] = {"seen": []}

    def look() -> None:
        frames["seen"].append(Locator(lambda event: None, str(folder)).frame(sys._getframe(1)))

    for name in (folder / "train.py", folder / "inner" / "train.py"):
        exec(compile("look()", str(name), "exec"), {"look": look})
    nearest = [frame.f_code.co_filename for frame in frames["seen"]]
    assert nearest == [__file__, str(folder / "inner" / "train.py")]


def test_a_function_that_cannot_be_sent_or_does_not_train() -> None:
    stream = io.StringIO()
    lock = __import__("threading").Lock()
    with pytest.raises(CannotProve, match="cannot be sent to another process"):
        flatline.prove(lambda: (lock, stream), show=False)
    with pytest.raises(CannotProve, match=r"trained nothing(.|\n)*ValueError: shapes"):
        flatline.prove(_fails, show=False)


def _fails() -> None:
    raise ValueError("shapes")


def test_a_run_that_was_watched_from_inside_says_what_to_use(tmp_path: Path) -> None:
    store = tmp_path / "run.sqlite"
    with flatline.watch(store=store, show=False):
        torch.nn.functional.mse_loss(torch.ones(2, requires_grad=True), torch.zeros(2)).backward()
    with pytest.raises(CannotProve, match=r"flatline\.prove\(train\)"):
        program_of(read(store))
    result = _invoke("prove", str(store))
    assert result.exit_code == 1 and "no experiments were made" in result.output


# the command line ----------------------------------------------------------------------------------------------


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "soon", "train.py"], "'soon' is no time; write 90, 60s, 5m or 2h"),
        (["--budget", "0s", "train.py"], "is no time"),
        (["--memory", "lots", "train.py"], "'lots' is no size; write 4GB or 500MB"),
        (["--max-trials", "1", "train.py"], "--max-trials"),
        (["--seeds", "3", "train.py"], "write 1, or at least 6"),
        (["--on", "mars", "train.py"], "--on"),
        (["no-such.py"], "there is no program"),
        (["--json", "no/such/v.json", "train.py"], "there is no folder"),
        (["run.sqlite", "--lr", "1"], "takes no arguments"),
    ],
)
def test_usage_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "train.py", "print(1)")
    write(tmp_path, "run.sqlite", "")
    result = _invoke("prove", *arguments)
    assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / ".flatline").exists()


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("60s", 60.0), ("5m", 300.0), ("1.5h", 5400.0)])
def test_times(text: str, seconds: float) -> None:
    from flatline.commands import prove as command

    assert command.seconds(None, None, text) == seconds  # type: ignore[attr-defined]


# progress ------------------------------------------------------------------------------------------------------


def _shown(terminal: bool, **more: Any) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, highlight=False)
    with TrialProgress(console, **more) as audience:
        audience.begins(["does it rise [at] a tenth?", "does the untouched program show it again?"])
        audience.ended("does it rise [at] a tenth?", TrialResult(Status.FINISHED, seconds=2.0))
        audience.ended("does the untouched program show it again?", TrialResult(Status.TIMED_OUT, "after 60 s"))
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_progress_says_what_each_trial_asks() -> None:
    shown = _shown(True)
    assert "trial  does it rise [at] a tenth?  2.0 s" in shown and "timed out: after 60 s" in shown
    assert "2/2" in shown


def test_progress_is_silent_where_nobody_watches() -> None:
    assert _shown(False) == "" and _shown(True, quiet=True) == ""
