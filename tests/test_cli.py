"""Every mistake on the command line ends with a message that says what to do, and with the right status."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from runs import Ended, execute, plain, runs_folder, watched, write

ZERO = """
    import torch
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(30):
        loss = torch.nn.functional.cross_entropy(model(torch.randn(8, 3)), torch.zeros(8, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("done", loss.item())
"""


def flatline(folder: Path, *arguments: str) -> Ended:
    return plain(folder, "-m", "flatline", *arguments)


def assert_refused(ended: Ended, *words: str) -> None:
    assert ended.status == 2
    assert ended.out == b""
    assert b"Traceback" not in ended.err
    for word in words:
        assert word in ended.err.decode()


def test_missing_script_names_what_is_there(folder: Path) -> None:
    write(folder, "train.py", "")
    assert_refused(flatline(folder, "run", "trian.py"), "there is no program 'trian.py'", "train.py")
    assert [path.name for path in folder.iterdir()] == ["train.py"]
    for name in "abcdef":
        write(folder, f"{name}.py", "")
    assert_refused(flatline(folder, "run", "trian.py"), "a.py, b.py, c.py, d.py, e.py, …")


def test_folder_without_main(folder: Path) -> None:
    (folder / "pack").mkdir()
    assert_refused(flatline(folder, "run", "pack"), "'pack' is a folder and has no __main__.py")


def test_script_that_cannot_be_read(folder: Path) -> None:
    """A link to nowhere exists in the folder and cannot be opened; root may read any file."""
    (folder / "loop.py").symlink_to("loop.py")
    assert_refused(flatline(folder, "run", "loop.py"), "loop.py")


def test_json_into_a_missing_folder_is_refused_before_the_run(folder: Path) -> None:
    write(folder, "train.py", "print('ran')")
    assert_refused(flatline(folder, "run", "--json", "no/where.json", "train.py"), "there is no folder")


def test_unknown_option(folder: Path) -> None:
    write(folder, "train.py", "print('ran')")
    for command in ("run", "check", "prove"):
        assert_refused(flatline(folder, command, "--jsno", "train.py"), "No such option", "--jsno")
    assert_refused(flatline(folder, "rnu", "train.py"), "rnu")
    assert_refused(flatline(folder, "run"), "PROGRAM")


def test_record_folder_that_cannot_be_made(folder: Path) -> None:
    """The program runs, and its record goes elsewhere, with a message."""
    write(folder, "train.py", "print('ran')")
    write(folder, "file", "")
    ended = flatline(folder, "run", "--quiet", "--runs", "file/runs", "train.py")
    assert (ended.status, ended.out) == (0, b"ran\n")
    assert ended.err.startswith(b"flatline: cannot write to file/runs (Not a directory); using the temporary folder")


def test_no_folder_at_all_can_be_written_to(folder: Path) -> None:
    """As on a full disk: nothing is started, and the message says what to do."""
    write(folder, "train.py", "print('ran')")
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "flatline", "run", "train.py"]
    ended = execute(limited, folder)
    assert (ended.status, ended.out) == (1, b"")
    assert b"name one with --runs FOLDER" in ended.err
    assert b"Traceback" not in ended.err


def test_strict_and_json(folder: Path) -> None:
    write(folder, "train.py", ZERO)
    assert watched(folder, "train.py", options=("--strict", "--quiet")).status == 10
    ended = watched(folder, "train.py", options=("--json", "verdict.json"))
    assert ended.status == 0
    assert ended.out == b"done 0.0\n"
    assert b"one-class-softmax" in ended.err
    verdict = json.loads((folder / "verdict.json").read_bytes())
    assert verdict["causes"][0]["name"] == "one-class-softmax"
    again = flatline(folder, "report", "--runs", str(runs_folder(folder)), "--json", "again.json")
    assert again.status == 0
    assert json.loads((folder / "again.json").read_bytes()) == verdict


def test_strict_keeps_the_status_of_a_program_that_failed(folder: Path) -> None:
    write(folder, "train.py", ZERO + "    raise SystemExit(3)\n")
    assert watched(folder, "train.py", options=("--strict", "--quiet")).status == 3


def test_report_without_runs(folder: Path) -> None:
    assert_refused(flatline(folder, "report"), "no recorded run in .flatline", "flatline run PROGRAM")


def test_report_of_a_missing_store(folder: Path) -> None:
    ended = flatline(folder, "report", "missing.sqlite")
    assert ended.status == 1
    assert ended.err.decode().startswith("flatline: there is no record of a run at missing.sqlite")


def _corrupt(path: Path, kind: str) -> None:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no database\n" * 100)
    elif kind == "other database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE other (x)")
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE flush (id INTEGER PRIMARY KEY, records BLOB NOT NULL)")
            connection.execute("CREATE TABLE format (version INTEGER NOT NULL)")
            connection.execute("INSERT INTO format VALUES (?)", (99 if kind == "newer" else 1,))
            if kind == "nonsense":
                connection.execute("INSERT INTO flush (records) VALUES (?)", (b"\xc1nonsense",))


@pytest.mark.parametrize("kind", ["empty", "text", "other database", "nonsense", "newer"])
def test_report_of_a_store_that_is_none(kind: str, folder: Path) -> None:
    _corrupt(folder / "bad.sqlite", kind)
    ended = flatline(folder, "report", "bad.sqlite")
    assert ended.status == 1
    assert ended.err.startswith(b"flatline: bad.sqlite ")
    assert b"Traceback" not in ended.err
    assert ended.err.count(b"\n") == 1


def test_report_of_a_store_without_records(folder: Path) -> None:
    _corrupt(folder / "nothing.sqlite", "no records")
    ended = flatline(folder, "report", "nothing.sqlite")
    assert ended.status == 0
    assert b"No training was seen" in ended.err


def test_report_of_a_truncated_store(folder: Path) -> None:
    write(folder, "train.py", ZERO)
    watched(folder, "train.py")
    store = next(runs_folder(folder).glob("*.sqlite"))
    data = store.read_bytes()
    store.write_bytes(data[: len(data) // 2])
    ended = flatline(folder, "report", str(store))
    assert ended.status in (0, 1)
    assert b"Traceback" not in ended.err
