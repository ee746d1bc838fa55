"""The first rows of the first batch that was measured, for a report whose reader asked for data (``--include-data``)."""

from __future__ import annotations

from typing import Any

import msgspec
from numpy.typing import NDArray

from flatline.record.recording import Recording

MOST_ROWS = 3
MOST_NUMBERS = 12


class SampleRow(msgspec.Struct):
    """One tensor's part of one row: ``numbers`` are its first ones, of ``count`` in all."""

    row: int
    what: str
    numbers: list[str]
    count: int


def samples(recording: Recording) -> list[SampleRow]:
    """Up to three rows as they went into the model and into the loss; none unless data are to be included."""
    batch = next((rows for rows in recording.rows if rows.gradient and rows.target is not None), None)
    if not recording.include_data or batch is None:
        return []
    tensors: list[tuple[str, NDArray[Any] | None]] = [
        *((f"input {number}" if number else "input", tensor) for number, tensor in enumerate(batch.inputs)),
        ("output", batch.output),
        ("target", batch.target),
    ]
    return [
        _row(row, what, tensor)
        for row in range(MOST_ROWS)
        for what, tensor in tensors
        if tensor is not None and row < len(tensor)
    ]


def _row(row: int, what: str, tensor: NDArray[Any]) -> SampleRow:
    flat = tensor[row].reshape(-1)
    return SampleRow(row, what, [f"{value:.6g}" for value in flat[:MOST_NUMBERS].tolist()], int(flat.size))
