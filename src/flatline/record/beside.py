"""What is found about a run later, kept in its store: one item in a table of its own, apart from the records."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TypeVar

import msgspec

from flatline.record.store import StoreError

T = TypeVar("T")


def keep(store: str | Path, table: str, item: msgspec.Struct) -> None:
    """Writes an item into ``table`` of a store, in place of an earlier one.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        with contextlib.closing(sqlite3.connect(store)) as connection, connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (item BLOB NOT NULL)")
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} VALUES (?)", (msgspec.msgpack.encode(item),))
    except sqlite3.Error as error:
        raise StoreError(f"the {table} cannot be kept in {store}: {error}") from error


def kept(store: str | Path, table: str, kind: type[T]) -> T | None:
    """The item of ``table``; None where there is none, or none that can be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(store).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(f"SELECT item FROM {table}").fetchall()
        return msgspec.msgpack.decode(rows[-1][0], type=kind) if rows else None
    except (sqlite3.Error, msgspec.MsgspecError, TypeError, ValueError):
        return None
