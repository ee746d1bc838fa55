"""A hash of each row that a loader gives in its first pass: enough to tell, after the run, which rows come twice.

The rows are read as bytes, so no operation of torch is seen by the program but a copy of a batch that is not contiguous.
"""

from __future__ import annotations

import ctypes
from hashlib import blake2b
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import RowKeys
from flatline.observe.session import Session

# blake2b reads about a gigabyte a second on one core: a loader costs at most about a tenth of a second, once.
MOST_BYTES = 96 << 20
# 8 bytes each: a million rows of 64 bits have two equal hashes with probability 3e-8 (birthday bound, n²/2^65).
MOST_ROWS = 1_000_000
DIGEST = 8


class Fingerprints:
    """Hashes the first pass of each loader, as far as the bytes go."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._bytes: dict[int, int] = {}
        self._rows: dict[int, int] = {}
        self._done: set[int] = set()

    def drawn(self, loader: int, batch: Any) -> None:
        if loader in self._done:
            return
        rows = _rows(batch)
        if rows is None or not measure.ordinary():
            self._done.add(loader)
            return
        size = rows.numel() * rows.element_size()
        self._bytes[loader] = self._bytes.get(loader, 0) + size
        self._rows[loader] = self._rows.get(loader, 0) + len(rows)
        if self._bytes[loader] > MOST_BYTES or self._rows[loader] > MOST_ROWS:
            self._done.add(loader)
            return
        kept = rows.detach().contiguous()
        start, width = kept.data_ptr(), size // max(len(rows), 1)
        keys = [
            blake2b(ctypes.string_at(start + i * width, width), digest_size=DIGEST).digest() for i in range(len(rows))
        ]
        self._session.emit(RowKeys(self._session.step, loader, b"".join(keys)))

    def ended(self, loader: int) -> None:
        self._done.add(loader)


def _rows(batch: Any) -> torch.Tensor | None:
    """The first tensor of a batch, when it holds more than one number a row and lies in main memory."""
    for _ in range(4):
        if isinstance(batch, dict):
            batch = next(iter(batch.values()), None)
        elif isinstance(batch, (tuple, list)) and batch:
            batch = batch[0]
    if not measure.readable(batch) or batch.device.type != "cpu" or batch.dim() < 2 or batch.numel() <= len(batch):
        return None
    rows: torch.Tensor = batch
    return rows
