"""`flatline report` in every form, and `flatline runs`: nothing is deleted that is not a record of ours."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import reported
from flatline.cli import main
from flatline.commands.runs import seconds
from flatline.experiments.proof import Proof, ProofItem, keep
from flatline.observe.events import Record
from flatline.record.folder import in_use, is_store, parts, stores
from flatline.record.store import Writer


def call(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=typed, env={"COLUMNS": "120"})


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs, the first the oldest, in the working folder's `.flatline`, and files that are not ours beside them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".flatline"
    folder.mkdir()
    for age, name in enumerate(("c", "b", "a")):
        store(folder / f"2026-{name}.sqlite", days=age)
    (folder / "notes.txt").write_text("mine")
    (folder / "2026-a.html").write_text("<p>mine")
    with sqlite3.connect(folder / "other.sqlite") as connection:
        connection.execute("CREATE TABLE mine (x)")
    with sqlite3.connect(folder / "both.sqlite") as connection:
        for name in ("flush", "format", "mine"):
            connection.execute(f"CREATE TABLE {name} (x)")
    (folder / "text.sqlite").write_text("no database")
    (folder / "link.sqlite").symlink_to(folder / "2026-a.sqlite")
    for path in folder.iterdir():
        if not path.name.startswith("2026"):
            os.utime(path, (0, 0), follow_symlinks=False)
    return folder


def store(path: Path, days: float = 0.0) -> Path:
    recording = reported.recording()
    writer = Writer(str(path))
    records: list[Record] = [record for group in recording._by_type.values() for record in group]
    writer.write(records)  # type: ignore[arg-type]
    writer.close()
    when = time.time() - 86400 * days
    os.utime(path, (when, when))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# report ----------------------------------------------------------------------------------------------------------


def test_the_report_lies_beside_the_record_and_is_named(runs: Path) -> None:
    result = call("report")
    assert result.exit_code == 0, result.output
    page = runs / "2026-c.html"
    assert f"report: {page.relative_to(runs.parent)}" in result.stderr and result.stdout == ""
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_all_forms_at_once(runs: Path) -> None:
    result = call("report", "--html", "r.html", "--json", "v.json", "--sarif", "s.sarif", "--markdown")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("### flatline: ")
    verdict = json.loads(Path("v.json").read_bytes())
    assert verdict["summary"] in result.stdout.replace("\\", "").replace("&#8203;", "")
    assert json.loads(Path("s.sarif").read_bytes())["version"] == "2.1.0"
    assert "flatline run train.py --lr" in Path("r.html").read_text(encoding="utf-8")
    assert not (runs / "2026-c.html").exists()


def test_markdown_alone_writes_no_file(runs: Path) -> None:
    before = names(runs)
    result = call("report", "--markdown")
    assert result.stderr == "" and names(runs) <= before | {"2026-c.sqlite-wal", "2026-c.sqlite-shm"}


@pytest.mark.parametrize("option", ["--html", "--json", "--sarif"])
def test_a_folder_that_is_not_there_is_told_first(runs: Path, option: str) -> None:
    result = call("report", option, "no/where")
    assert result.exit_code == 2 and f"{option} no/where: there is no folder" in result.stderr


def test_a_report_that_cannot_be_written_is_told_and_the_verdict_is_shown(runs: Path) -> None:
    (runs.parent / "full").mkdir()
    result = call("report", "--html", "full/../full/" + "x" * 300 + ".html")
    assert result.exit_code == 1
    assert "flatline: cannot write the report to" in result.stderr and "fault found" in result.stderr


def test_a_browser_that_is_not_there_is_no_error(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) is not None)
    result = call("report", "--open")
    assert result.exit_code == 0 and "no browser could be started" in result.stderr
    assert opened == [(runs / "2026-c.html").as_uri()]


# runs ------------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_and_of_stores_only(runs: Path) -> None:
    result = call("runs", "list")
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == ["2026-c", "2026-b", "2026-a"]
    assert rows[0][3:] == ["400", "2.3", "→", "nan", "ValueError", "train.py", "--lr"]


def test_an_empty_folder_says_what_makes_a_run(tmp_path: Path) -> None:
    result = call("runs", "list", "--runs", str(tmp_path))
    assert result.exit_code == 2 and "`flatline run PROGRAM` makes one" in result.stderr


def test_a_run_is_named_by_the_start_of_its_file(runs: Path) -> None:
    assert "fault found" in call("runs", "show", "2026-b").stderr
    several = call("runs", "show", "2026")
    assert several.exit_code == 2 and "'2026' is the start of 3 runs" in several.stderr
    none = call("runs", "show", "1999")
    assert none.exit_code == 2 and "there is no run '1999' in .flatline; the newest is 2026-c" in none.stderr


def test_two_runs_side_by_side(runs: Path) -> None:
    other = runs / "2026-d.sqlite"
    writer = Writer(str(other))
    recording = reported.recording(steps=200)
    writer.write([record for group in recording._by_type.values() for record in group])
    writer.close()
    shown = {line[:15].strip(): line for line in call("runs", "compare", "2026-c", "2026-d").stdout.splitlines()}
    assert shown["steps *"].split()[2:] == ["400", "200"]
    assert shown["seed"].split()[1:] == ["7", "7"]
    assert "×" in shown["curve"]


def test_prune_asks_first(runs: Path) -> None:
    before = names(runs)
    result = call("runs", "prune", "--keep", "1", typed="n\n")
    assert result.exit_code == 1 and "Delete 2 runs? [y/N]" in result.output
    assert names(runs) >= before
    result = call("runs", "prune", "--keep", "1", typed="y\n")
    assert result.exit_code == 0, result.output
    assert [path.name for path in stores(runs)] == ["2026-c.sqlite"]


def test_prune_takes_only_what_is_ours(runs: Path) -> None:
    call("report", str(runs / "2026-b.sqlite"))
    assert (runs / "2026-b.html").exists()
    result = call("runs", "prune", "--keep", "0", "--yes")
    assert result.exit_code == 0, result.output
    # 2026-a.html has the name of a report and was not made by flatline.
    assert names(runs) == {"notes.txt", "2026-a.html", "other.sqlite", "both.sqlite", "text.sqlite", "link.sqlite"}


def test_prune_by_age(runs: Path) -> None:
    assert "nothing to delete" in call("runs", "prune", "--older", "3d", "--yes").output
    call("runs", "prune", "--older", "36h", "--yes")
    assert [path.name for path in stores(runs)] == ["2026-c.sqlite", "2026-b.sqlite"]
    call("runs", "prune", "--older", "12h", "--keep", "2", "--yes")
    assert len(stores(runs)) == 2


def test_a_run_that_goes_on_is_kept(runs: Path) -> None:
    writer = Writer(str(runs / "2026-b.sqlite"))
    writer.write([])
    os.utime(runs / "2026-b.sqlite", (0, 0))
    assert in_use(runs / "2026-b.sqlite")
    result = call("runs", "prune", "--keep", "0", "--yes")
    assert "2026-b.sqlite is kept: its run may still be going on" in result.stderr
    assert [path.name for path in stores(runs)] == ["2026-b.sqlite"]
    writer.close()
    assert not in_use(runs / "2026-b.sqlite")
    call("runs", "prune", "--keep", "0", "--yes")
    assert stores(runs) == []


def test_without_locks_a_run_that_wrote_within_the_hour_is_kept(tmp_path: Path) -> None:
    """As on a network filesystem, where the journal is no WAL."""
    path = tmp_path / "x.sqlite"
    writer = Writer(str(path))
    writer.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    assert in_use(path)
    assert not in_use(path, now=time.time() + 3601)


def test_the_ranks_of_one_run_are_one(runs: Path) -> None:
    for rank in range(3):
        store(runs / f"2025-x-rank{rank}.sqlite", days=9)
    assert "2025-x-rank0 and 2 ranks more" in call("runs", "list").stdout
    assert len(stores(runs)) == 6
    call("runs", "prune", "--keep", "3", "--yes")
    assert {path.name for path in stores(runs)} == {"2026-a.sqlite", "2026-b.sqlite", "2026-c.sqlite"}


def test_prune_wants_to_know_which(runs: Path) -> None:
    for arguments, words in (((), "say which"), (("--older", "week"), "not an age"), (("--keep", "-1"), "--keep")):
        result = call("runs", "prune", *arguments)
        assert result.exit_code == 2 and words in result.stderr
    assert len(stores(runs)) == 3


@pytest.mark.parametrize(("text", "expected"), [("2w", 1209600.0), ("1.5h", 5400.0), ("30m", 1800.0)])
def test_ages(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_what_is_a_store(runs: Path) -> None:
    assert {path.name for path in runs.iterdir() if is_store(path)} == {
        "2026-a.sqlite",
        "2026-b.sqlite",
        "2026-c.sqlite",
    }
    assert parts(runs / "2026-a.sqlite")[0] == runs / "2026-a.sqlite"


def test_a_proven_run_is_still_listed(runs: Path) -> None:
    whole = ProofItem(True, "1 runs; nothing was decided.", 1, 1, 0.1, "", [])
    keep(runs / "2026-b.sqlite", Proof(whole, {}))
    assert "2026-b" in call("runs", "list").output and is_store(runs / "2026-b.sqlite")
