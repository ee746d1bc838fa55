"""What fixes were found for a run, and what running them showed: kept in its store."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import msgspec

from flatline.experiments.proof import CurveItem
from flatline.record.store import StoreError


class FixItem(msgspec.Struct):
    """One change of the source that cures one cause.

    ``diff`` is against the program with the fixes before it. ``verified``: the changed program ran to its end, and did
    not show the fault any more. Of both programs, ``before`` and ``after`` are the loss, ``before_told`` and
    ``after_told`` its ends in words, ``before_symptoms`` and ``after_symptoms`` what a person would see.
    """

    cause: str
    text: str
    file: str
    line: int
    diff: str
    verified: bool = False
    before: CurveItem | None = None
    after: CurveItem | None = None
    before_told: str = ""
    after_told: str = ""
    before_symptoms: list[str] = []
    after_symptoms: list[str] = []
    seconds: float = 0.0


class TriedItem(msgspec.Struct):
    """A change that is not offered, and why."""

    text: str
    diff: str
    reason: str


class LeftItem(msgspec.Struct):
    """A cause without a fix: why there is none, and what was tried."""

    cause: str
    reason: str
    tried: list[TriedItem] = []


class Fixes(msgspec.Struct):
    """What came of looking for fixes. ``texts`` holds, by full path, each changed file: as it was, and as it is with
    all fixes; ``diff`` is their difference."""

    fixes: list[FixItem]
    left: list[LeftItem]
    texts: dict[str, tuple[str, str]]
    diff: str
    verified: bool

    @property
    def complete(self) -> bool:
        """Whether every fault has a fix."""
        return not self.left


def keep(store: str | Path, fixes: Fixes) -> Fixes:
    """Writes the fixes into the store of the run, in place of earlier ones, and returns them.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        with contextlib.closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS fixes (item BLOB NOT NULL)")
            connection.execute("DELETE FROM fixes")
            connection.execute("INSERT INTO fixes VALUES (?)", (msgspec.msgpack.encode(fixes),))
    except sqlite3.Error as error:
        raise StoreError(f"the fixes cannot be kept in {store}: {error}") from error
    return fixes


def kept(store: str | Path) -> Fixes | None:
    """The fixes that were found for a recorded run; None when none were looked for."""
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(store).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT item FROM fixes").fetchall()
        return msgspec.msgpack.decode(rows[-1][0], type=Fixes) if rows else None
    except (sqlite3.Error, msgspec.MsgspecError):
        return None
