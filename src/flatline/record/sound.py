"""Which records can be what a probe wrote: a damaged file may hold others, and one of those must not cost the rest."""

from __future__ import annotations

import math

from flatline.observe import events as e

_ITEM = {"float32": 4, "int64": 8}


def sound(record: e.Event) -> bool:
    """Whether the bytes in a record have the lengths that it says.

    >>> sound(e.Points(0, b"12345678", b"12345678", b"12345678", b"1234567"))
    False
    """
    if isinstance(record, e.Points):
        sizes = {len(column) for column in (record.ticks, record.steps, record.values, record.sizes)}
        return len(sizes) == 1 and not sizes.pop() % 8
    if isinstance(record, e.Sample):
        item = _ITEM.get(record.dtype, 0)
        whole = all(size >= 0 for size in record.shape)
        return bool(item and record.shape) and whole and math.prod(record.shape) * item == len(record.data)
    if isinstance(record, e.RowKeys):
        return not len(record.data) % 8
    if isinstance(record, e.LossMask):
        return all(size >= 0 for size in record.shape) and math.prod(record.shape) == len(record.data)
    return True


def known_series(records: list[e.Event]) -> list[e.Event]:
    """The records without points of a curve that was never announced."""
    known = {record.number for record in records if isinstance(record, e.Series)}
    kept = [record for record in records if not isinstance(record, e.Points) or record.series in known]
    if len(kept) < len(records):
        kept.append(
            e.ProbeFailed("store", f"{len(records) - len(kept)} parts of curves belong to none that is on record")
        )
    return kept
