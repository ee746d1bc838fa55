"""Comma-separated logs: Lightning's ``metrics.csv``, Keras' ``CSVLogger``, and any table whose first row has names."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator

from flatline.logs.base import Log, Stream
from flatline.logs.formats.huggingface import as_number
from flatline.logs.roles import Role, name_of

TITLE = "CSV"
MOST_COLUMNS = 2000
# The csv module refuses a field of more than 128 KiB; no number is as long.
MOST_LINE = 1 << 17
PIECE = 1 << 16
_STEPS = ("step", "global_step", "_step", "iter", "iteration", "batch")


def recognises(name: str, start: bytes) -> bool:
    first = start.split(b"\n", 1)[0].decode("utf-8", "replace").lstrip("\ufeff")
    columns = [column.strip().strip('"') for column in first.split(_separator(first))]
    if len(columns) < 2 and not name.endswith(".csv"):
        return False
    # A printed line may have commas and a loss in it, but with its number.
    named = all(column and as_number(column) is None and len(column) < 100 for column in columns)
    kinds = [name_of(column) for column in columns]
    has_loss = any(kind is not None and kind.role is Role.LOSS for kind in kinds)
    return named and has_loss and not any(sign in first for sign in ":={}")


def read(stream: Stream, log: Log) -> None:
    rows = _rows(stream)
    first, _ = next(rows, ("", False))
    separator = _separator(first)
    names = [name.strip() for name in first.rstrip("\r\n").replace('"', "").split(separator)][:MOST_COLUMNS]
    lowered = [name.lower() for name in names]
    step_at = next((lowered.index(name) for name in _STEPS if name in lowered), None)
    epoch_at = lowered.index("epoch") if "epoch" in lowered else None
    # Keras has one row an epoch and no step: each value is the mean over its epoch.
    log.means = step_at is None and epoch_at is not None
    for number, (row, ended) in enumerate(rows, start=1):
        cells = _cells(row, separator)
        if not ended:
            # Its last number may be cut: 0.0 of 0.0693.
            log.note(f"row {number} does not end; it is passed over")
        elif len(cells) == len(names):
            _row(cells, names, step_at, epoch_at, log)
        elif any(cells):
            log.note(f"row {number} has {len(cells)} columns instead of {len(names)}; it is passed over")


def _rows(stream: Stream) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it ends; lines that are too long are passed over."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest, skip = "", False
    while data := stream.read(PIECE):
        *whole, rest = (rest + decoder.decode(data)).split("\n")
        for row in whole:
            if not skip:
                yield row.rstrip("\r"), True
            skip = False
        if len(rest) > MOST_LINE:
            rest, skip = "", True
    if rest and not skip:
        yield rest, False


def _row(cells: list[str], names: list[str], step_at: int | None, epoch_at: int | None, log: Log) -> None:
    step = as_number(cells[step_at]) if step_at is not None else None
    epoch = as_number(cells[epoch_at]) if epoch_at is not None else None
    for index, cell in enumerate(cells):
        number = as_number(cell) if cell and index not in (step_at, epoch_at) else None
        if number is not None:
            log.add(names[index], number, step, epoch, counted=step is not None)


def _separator(first: str) -> str:
    return max((",", ";", "\t"), key=first.count)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []
