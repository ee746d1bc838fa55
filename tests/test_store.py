"""The store gives back what was written to it, whatever the program's text holds."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from flatline.observe import events as e
from flatline.record.reader import read
from flatline.record.store import FORMAT, StoreError, Writer, on_network_filesystem
from runs import recording, runs_folder, watched, write


def stored(path: Path, *flushes: list[e.Event]) -> Path:
    writer = Writer(str(path))
    for records in flushes:
        writer.write(records)
    writer.close()
    return path


def test_flushes_are_read_in_order_and_joined(tmp_path: Path) -> None:
    columns = [
        [np.array(part, kind).tobytes() for part, kind in zip(parts, ("q", "q", "d", "q"))]
        for parts in (([1, 2], [0, 1], [0.5, math.nan], [8, 8]), ([3], [2], [math.inf], [4]))
    ]
    path = stored(
        tmp_path / "run.sqlite",
        [e.Series(0, "optimised", "loss", None), e.Points(0, *columns[0])],
        [e.Points(0, *columns[1]), e.Cost(1.0, 11.0)],
    )
    recording = read(path)
    [curve] = recording.curves
    assert curve.ticks.tolist() == [1, 2, 3] and curve.sizes.tolist() == [8, 8, 4]
    assert np.array_equal(curve.values, [0.5, math.nan, math.inf], equal_nan=True)
    assert recording.overhead == pytest.approx(1.1)


def test_every_kind_of_text_is_kept(tmp_path: Path) -> None:
    """A file name that is not UTF-8, and half a surrogate pair, must not cost the rest of the record."""
    texts = ["plain", "päivä", "p\udcff.py", "\ud800", "nul \0", "[red]", "\x1b[31m"]
    path = stored(tmp_path / "run.sqlite", [], [e.Printed(i, 0, None, "stdout", t) for i, t in enumerate(texts)])
    kept = [p.text for p in read(path).all(e.Printed)]
    assert kept == ["plain", "päivä", r"p\udcff.py", r"\ud800", "nul \0", "[red]", "\x1b[31m"]


def test_bytes_beside_odd_text_stay_bytes(tmp_path: Path) -> None:
    sample = e.Sample(1, 0, "input", "\udc80", "float32", [2], np.array([1.5, 2.5], np.float32).tobytes())
    [kept] = read(stored(tmp_path / "run.sqlite", [sample])).all(e.Sample)
    assert np.frombuffer(kept.data, np.float32).tolist() == [1.5, 2.5]


def test_what_was_written_is_there_while_the_writer_lives(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "run.sqlite"))
    writer.write([e.Cost(1.0, 2.0)])
    assert len(read(tmp_path / "run.sqlite").all(e.Cost)) == 1


def test_a_writer_can_be_paused_around_a_fork(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "run.sqlite"))
    writer.write([e.Cost(1.0, 2.0)])
    writer.pause()
    writer.resume()
    writer.write([e.Cost(2.0, 3.0)])
    writer.close()
    assert len(read(tmp_path / "run.sqlite").all(e.Cost)) == 2


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, other, newer = tmp_path / "none.sqlite", tmp_path / "text.sqlite", tmp_path / "newer.sqlite"
    other.write_text("not a database, but a long enough text to be read as one" * 20)
    stored(newer, [e.Cost(1.0, 2.0)])
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE format SET version = ?", (FORMAT + 1,))
    for path, word in ((missing, "no record"), (other, "cannot be read"), (newer, "update flatline")):
        with pytest.raises(StoreError, match=word) as raised:
            read(path)
        assert str(path) in str(raised.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write the store"):
        Writer(str(tmp_path / "none" / "run.sqlite"))


def test_a_local_folder_is_no_network_filesystem(tmp_path: Path) -> None:
    assert not on_network_filesystem(str(tmp_path / "run.sqlite"))


def test_a_killed_run_is_one_file_in_the_end(folder: Path) -> None:
    write(
        folder,
        "program.py",
        """
        import os, signal, torch
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for step in range(30):
            loss = (weight**2).sum()
            loss.backward()
            optimizer.step()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    watched(folder, "program.py")
    assert [path.suffix for path in runs_folder(folder).iterdir() if path.name != ".gitignore"] == [".sqlite"]
    assert recording(folder).backwards > 0
