"""A folder of recorded runs: which files are stores, which may be deleted, and what one says at a glance."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from flatline.record.reader import rank_stores, read
from flatline.record.store import StoreError

_TABLES = {"flush", "format"}
# ``flatline prove`` adds a table of its own.
_MAY_HAVE = _TABLES | {"proof"}
_SQLITE = b"SQLite format 3\0"
# A network filesystem has no lock that would tell of a run that goes on: one that wrote within the hour counts as such.
QUIET_SECONDS = 3600.0
_MADE_BY_FLATLINE = b'<meta name="generator" content="flatline '


@dataclass
class Glance:
    """A run in one row. ``first`` and ``last`` are the optimised loss, None where there is none.

    ``ended`` begins with ``check`` for a run of ``flatline check``, which ends before its first update.
    """

    path: Path
    program: str
    started: float
    steps: int
    first: float | None
    last: float | None
    ended: str


def is_store(path: Path) -> bool:
    """Whether a file is a store of flatline: an SQLite file with its tables and no others."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                return False
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        finally:
            connection.close()
    except (OSError, sqlite3.Error, TypeError, ValueError):
        return False
    return _TABLES <= {name for (name,) in rows} <= _MAY_HAVE


def stores(folder: str | Path) -> list[Path]:
    """The stores of a folder, newest first; other files are left out."""
    found = [path for path in Path(folder).glob("*.sqlite") if is_store(path)] if Path(folder).is_dir() else []
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def runs(folder: str | Path) -> list[list[Path]]:
    """The runs of a folder, newest first: the stores of each, more than one for a run in several processes."""
    found = stores(folder)
    known = set(found)
    result: list[list[Path]] = []
    for path in found:
        if path in known:
            own = sorted({path, *(one for one in rank_stores(path) if one in known)})
            known -= set(own)
            result.append(own)
    return result


def glance(path: Path) -> Glance:
    """What one row of a list says of a run.

    Raises:
        StoreError: the store cannot be read.
    """
    recording = read(path, alone=True)
    curve = recording.optimised[0] if recording.optimised else None
    end = recording.ended
    ended = "no end recorded" if end is None else end.exception or "normally"
    if recording.run.check:
        ended = "check" if ended == "normally" else f"check, {ended}"
    return Glance(
        path,
        " ".join(recording.run.argv),
        recording.run.started,
        recording.steps,
        float(curve.values[0]) if curve is not None else None,
        float(curve.values[-1]) if curve is not None else None,
        ended,
    )


def in_use(path: Path, now: float | None = None) -> bool:
    """Whether a process may still be writing to a store."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.0)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode == "wal":
                # Leaving WAL needs the file to itself: refused while any other connection is open.
                (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
                return bool(mode == "wal")
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return True
    try:
        ended = read(path, alone=True).ended is not None
    except StoreError:
        ended = False
    age = (time.time() if now is None else now) - path.stat().st_mtime
    return not ended and age < QUIET_SECONDS


def parts(path: Path) -> list[Path]:
    """A store and the files that belong to it: SQLite's own beside it, and the report that flatline wrote."""
    found = [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))]
    page = path.with_suffix(".html")
    try:
        with page.open("rb") as file:
            if _MADE_BY_FLATLINE in file.read(4096):
                found.append(page)
    except OSError:
        pass
    return [one for one in found if one.exists()]
