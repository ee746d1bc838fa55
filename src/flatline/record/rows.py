"""Reads the rows of a store in short turns, so that a program that writes to it is never held up."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from flatline.observe.events import Event
from flatline.record.store import FORMAT, ZLIB, NotBegunError, StoreError

MOST_BYTES = 4_000_000
_decoder = msgspec.msgpack.Decoder(list[Event])
_splitter = msgspec.msgpack.Decoder(list[msgspec.Raw])
_one: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
# Rows are numbered without gaps; behind so many that cannot be read there is nothing more.
MOST_MISSING = 256
# A damaged file may hold values of any type where a number or bytes should be, and text that is none.
_UNREADABLE = (sqlite3.Error, TypeError, ValueError, OverflowError)


def decode(blob: bytes) -> list[Event]:
    """The records of one row.

    Raises:
        msgspec.MsgspecError: the row is none that flatline wrote.
    """
    try:
        return _decoder.decode(inflated(blob))
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error


def readable(blob: bytes) -> tuple[list[Event], int]:
    """The records of one row that can be read, and how many there are that cannot.

    >>> readable(msgspec.msgpack.encode([["Cost", 1.0, 2.0], ["Cost", "much"], ["Unheard"]]))
    ([Cost(probes=1.0, total=2.0, budget=0.0)], 2)
    """
    try:
        return decode(blob), 0
    except msgspec.MsgspecError:
        pass
    try:
        parts = _splitter.decode(inflated(blob))
    except msgspec.MsgspecError:
        return [], 1
    found: list[Event] = []
    for part in parts:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found.append(_one.decode(part))
    return found, len(parts) - len(found)


def inflated(blob: bytes) -> bytes:
    """A row as msgpack, whether it was compressed or not.

    Raises:
        msgspec.DecodeError: the compressed row is damaged.
    """
    if blob[:1] != ZLIB:
        return blob
    try:
        return zlib.decompress(blob)
    except zlib.error as error:
        raise msgspec.DecodeError(str(error)) from error


def rows_after(path: str | Path, last: int = 0, most: int = MOST_BYTES) -> list[tuple[int, bytes]]:
    """Rows of a store with a number above ``last``, in order, about ``most`` bytes of them; empty when there are none.

    Each call is a connection and a transaction of its own, gone when it returns. A reader that stayed would keep the
    write-ahead log from being reset; on a network filesystem, where there is no such log, it would lock the writer out.

    Raises:
        StoreError: the file is missing, is not a store, or was written by a newer flatline.
    """
    rows: list[tuple[int, bytes]] = []
    size = 0
    with closing(_open(path)) as connection:
        try:
            _require_format(path, connection)
            for number, blob in connection.execute("SELECT id, records FROM flush WHERE id > ? ORDER BY id", (last,)):
                rows.append((number, bytes(blob)))
                size += len(blob)
                if size >= most:
                    break
        except _UNREADABLE as error:
            _require_begun(path, connection)
            raise _unreadable(path, error) from error
    return rows


def rows_one_by_one(path: str | Path, last: int = 0) -> Iterator[tuple[int, bytes]]:
    """The rows of a damaged store with a number above ``last``: each that can be read by itself.

    Raises:
        StoreError: the file is missing, or was written by a newer flatline.
    """
    with closing(_open(path)) as connection:
        with suppress(*_UNREADABLE):
            _require_format(path, connection)
        number, missing = last, 0
        while missing < MOST_MISSING:
            number, missing = number + 1, missing + 1
            with suppress(*_UNREADABLE):
                row = connection.execute("SELECT records FROM flush WHERE id = ?", (number,)).fetchone()
                if row is not None:
                    missing = 0
                    yield number, bytes(row[0])


def ends(path: str | Path, first: int = 4, last: int = 2) -> tuple[list[bytes], list[bytes], int]:
    """The ``first`` first rows of a store, its ``last`` last ones, and the number of the very last (0 for none).

    Raises:
        StoreError: as :func:`rows_after`.
    """
    with closing(_open(path)) as connection:
        try:
            _require_format(path, connection)
            head = connection.execute("SELECT records FROM flush ORDER BY id LIMIT ?", (first,)).fetchall()
            tail = connection.execute("SELECT id, records FROM flush ORDER BY id DESC LIMIT ?", (last,)).fetchall()
            number = int(tail[0][0]) if tail else 0
            return [bytes(row[0]) for row in head], [bytes(row[1]) for row in reversed(tail)], number
        except _UNREADABLE as error:
            _require_begun(path, connection)
            raise _unreadable(path, error) from error


def last_row(path: str | Path) -> int:
    """The number of the last row; 0 for a store without rows.

    Raises:
        StoreError: as :func:`rows_after`.
    """
    return ends(path, 0, 1)[2]


def _open(path: str | Path) -> sqlite3.Connection:
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no record of a run at {path}; `flatline run PROGRAM` makes one")
    try:
        # As a URI with everything quoted: a folder may be called "what?".
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _require_format(path: str | Path, connection: sqlite3.Connection) -> None:
    versions = [row[0] for row in connection.execute("SELECT version FROM format")]
    if versions and versions[0] > FORMAT:
        raise StoreError(f"{path} was written by a newer flatline (format {versions[0]}); update flatline")


def _require_begun(path: str | Path, connection: sqlite3.Connection) -> None:
    """A store is an empty file first, which takes its name, and gets its tables when the program's Python has started."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except _UNREADABLE:
        return
    if not {"flush", "format"} <= tables and tables <= {"flush", "format"}:
        raise NotBegunError(
            f"{path} holds nothing yet: its program is starting, or ended before anything could be recorded"
        ) from None


def _unreadable(path: str | Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be read as the record of a run: {error}")


def settle(path: str | Path) -> None:
    """Folds what a process left in the write-ahead log into its store, so that the one file is the whole record.

    A program that ends without closing its store, as by a signal, leaves the log beside it. Where that cannot be done
    now (a process still writes, the folder cannot be written to) the log stays, and readers use it.
    """
    try:
        connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True, timeout=1.0)
        try:
            # Out of WAL mode altogether: in it, even a reader would make the log's two files anew.
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            connection.close()
    except sqlite3.Error:
        pass
