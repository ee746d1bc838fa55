"""Reads a store back; of a run in several processes, the stores of all ranks."""

from __future__ import annotations

import glob
import re
from pathlib import Path

import msgspec

from flatline.observe import events as e
from flatline.record.ranks import first_to_go_wrong
from flatline.record.recording import Recording
from flatline.record.rows import decode, ends
from flatline.record.store import StoreError
from flatline.record.stored import stored

_RANK = re.compile(r"(-\d+)?-rank\d+")
_OF_RANK = re.compile(_RANK.pattern + "$")


def read(path: str | Path, alone: bool = False) -> Recording:
    """Reads the store of a run; of a run in several processes, that of the first rank, with the others as ``ranks``.

    It may be written meanwhile. Of several ranks, the first whose loss became NaN or infinite stands for the run; else
    one whose loss is 0 when that of others is not; else the lowest. ``alone`` leaves the others unread.

    Raises:
        StoreError: the file is missing, is not a store, or was written by a newer flatline.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no record of a run at {path}; `flatline run PROGRAM` makes one")
    own = stored(path)
    others = [] if alone else rank_stores(path)
    if not others:
        return Recording(own)
    ranks = [Recording(stored(other)) if other != path else Recording(own) for other in others]
    ranks.sort(key=lambda recording: recording.run.rank)
    first = Recording(own)
    # The process that only started the others has nothing to tell but what it printed.
    trained = [r for r in ranks if r.curves]
    if trained:
        # Where a number went wrong first is where to look.
        first = first_to_go_wrong(trained)
    first.ranks = ranks
    starter = path.with_name(_OF_RANK.sub("", path.stem) + path.suffix)
    if starter.is_file():
        first.starter = Recording(own if starter == path else stored(starter))
    return first


def started(path: Path) -> e.RunStarted | None:
    """How a run was started, from the first rows of its store; None when that is not on record.

    Raises:
        StoreError: as :func:`read`.
    """
    first, _, _ = ends(path, last=0)
    try:
        return next((event for blob in first for event in decode(blob) if isinstance(event, e.RunStarted)), None)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path} cannot be read as the record of a run: {error}") from error


def rank_stores(path: Path) -> list[Path]:
    """The stores of the ranks of one run, when ``path`` is one of them or that of the process that started them."""
    stem = _OF_RANK.sub("", path.stem)
    found = [
        p for p in path.parent.glob(f"{glob.escape(stem)}*-rank*{path.suffix}") if _RANK.fullmatch(p.stem[len(stem) :])
    ]
    return sorted(found)
