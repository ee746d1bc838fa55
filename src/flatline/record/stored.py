"""All records of a store; of a damaged one as far as they can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flatline.observe.events import Event, ProbeFailed
from flatline.record.rows import readable, rows_after, rows_one_by_one
from flatline.record.sound import known_series, sound
from flatline.record.store import StoreError


def stored(path: Path) -> list[Event]:
    """What can be read of a store; what cannot is a failure of the probe ``store`` among the records."""
    records: list[Event] = []
    lost = 0
    damage: list[str] = []
    for blob in _rows(path, damage):
        found, bad = readable(blob)
        lost += bad + sum(not sound(record) for record in found)
        records += filter(sound, found)
    if not records and lost:
        raise StoreError(f"{path} cannot be read as the record of a run: none of its records is one of flatline's")
    if lost:
        records.append(ProbeFailed("store", f"{lost} records of the run cannot be read"))
    records += [ProbeFailed("store", text) for text in damage]
    return known_series(records)


def _rows(path: Path, damage: list[str]) -> Iterator[bytes]:
    """All rows of a store; those of a damaged one as far as they can be read, which is then told in ``damage``.

    Raises:
        StoreError: as :func:`flatline.record.reader.read`.
    """
    last = 0
    try:
        while rows := rows_after(path, last):
            for number, blob in rows:
                yield blob
                last = number
    except StoreError as error:
        for number, blob in rows_one_by_one(path, last):
            yield blob
            last = number
        if not last:
            raise
        damage.append(f"the record is damaged; what can be read of it goes to its row {last} ({error})")
