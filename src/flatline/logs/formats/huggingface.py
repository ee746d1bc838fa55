"""``trainer_state.json`` of the Hugging Face Trainer: every entry of its log, in a list."""

from __future__ import annotations

import json
import re
from typing import Any

from flatline.logs.base import Log, Stream
from flatline.record.printed import resolution

TITLE = "Hugging Face Trainer"
# A state of a million entries is smaller.
MOST_BYTES = 512 << 20
_HISTORY = re.compile(r'"log_history"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def recognises(name: str, start: bytes) -> bool:
    return name == "trainer_state.json" or (start.lstrip().startswith(b"{") and b'"log_history"' in start)


def read(stream: Stream, log: Log) -> None:
    # The Trainer's loss is the mean over the steps since it logged last.
    log.means = True
    text = stream.read(MOST_BYTES).decode("utf-8", "replace")
    found = _HISTORY.search(text)
    if found is None:
        log.note("it has no log_history")
        return
    # Entry by entry: of a file that is cut, those before the cut are whole.
    decoder = json.JSONDecoder()
    at, number = found.end(), 0
    while True:
        between = _BETWEEN.match(text, at)
        at = between.end() if between is not None else at
        if text[at : at + 1] == "]":
            return
        try:
            entry, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            log.note(f"the file is cut or damaged after entry {number}; it is read up to there")
            return
        number += 1
        if isinstance(entry, dict):
            _entry(entry, log)


def _entry(entry: dict[str, Any], log: Log) -> None:
    step, epoch = as_number(entry.get("step")), as_number(entry.get("epoch"))
    for name, value in entry.items():
        number = as_number(value)
        # The mean over the whole run, which it logs once at the end, is no further entry.
        if number is not None and name not in ("step", "epoch", "train_loss"):
            log.add(name, number, step, epoch, _rounding(value) if name.endswith("loss") else 0.0, True)


def as_number(value: object) -> float | None:
    """A number, also one that stands in quotes; None for anything else.

    >>> as_number("0.5"), as_number(float("nan")), as_number(True), as_number([1])
    (0.5, nan, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _rounding(value: object) -> float:
    """The rounding of a loss with few decimals, as older Trainers write it (four); one with many was not rounded."""
    text = value if isinstance(value, str) else repr(value)
    return resolution(text) if len(text.partition(".")[2].partition("e")[0]) <= 6 else 0.0
