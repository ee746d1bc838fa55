"""What reports quote of a program's data: nothing, unless the user asked for it with ``--include-data``.

Lines that a program prints, messages of its errors and values of its targets may hold texts and numbers of its data. A
report then says as much as it can without them: of a printed line the name of the loss and its number, of an error its
class and line, of targets how many values there are.
"""

from __future__ import annotations

import math
import re

from flatline.observe.events import RunEnded
from flatline.record.printed import Number, PrintedLoss
from flatline.record.recording import Recording

# The words by which programs name a loss, besides those that stand in their own source.
_WORDS = frozenset(
    [
        "loss",
        "losses",
        "lossd",
        "lossg",
        "nll",
        "mse",
        "mae",
        "bce",
        "ce",
        "cost",
        "objective",
        "error",
        "err",
        "kl",
        "elbo",
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "dev",
        "eval",
        "evaluation",
        "epoch",
        "step",
        "iter",
        "iteration",
        "batch",
        "avg",
        "average",
        "mean",
        "total",
        "sum",
        "running",
        "final",
        "last",
        "latest",
        "current",
        "best",
        "the",
        "is",
        "of",
        "at",
        "after",
        "discriminator",
        "generator",
        "critic",
        "actor",
        "policy",
        "value",
        "entropy",
        "aux",
        "main",
        "model",
        "d",
        "g",
    ]
)
_PIECES = re.compile(r"[^A-Za-z]+")
_LOSS = re.compile(r"loss|nll|mse|bce|cost|objective|error", re.IGNORECASE)


def quoted(recording: Recording, number: Number) -> str:
    """A printed number as a report quotes it: the whole line with ``include_data``, else the loss's name and number.

    >>> from flatline.record.printed import Number
    >>> line = "Jane Doe, born 1970: train loss 0.0000"
    >>> quoted(Recording([]), Number(1, 0, 0.0, 5e-5, line, label="doe train loss", written="0.0000"))
    "'train loss 0.0000'"
    """
    if recording.include_data:
        return repr(number.text)
    label = label_of(recording, number.label) if number.label else ""
    return repr(f"{label} {number.written}".strip())


def label_of(recording: Recording, label: str) -> str:
    """A label without the words before it that may be data: those that no loss is named by and no source line holds.

    >>> label_of(Recording([]), "doe train loss"), label_of(Recording([]), "val/loss_d"), label_of(Recording([]), "doe_loss")
    ('train loss', 'val/loss_d', 'loss')
    """
    if recording.include_data:
        return label
    kept: list[str] = []
    for word in reversed(label.split()):
        if not _known(recording, word):
            break
        kept.append(word)
    if kept:
        return " ".join(reversed(kept))
    found = _LOSS.search(label)
    return found[0] if found is not None else "loss"


def _known(recording: Recording, word: str) -> bool:
    if all(piece in _WORDS for piece in _PIECES.split(word.lower()) if piece) and len(re.findall(r"\d", word)) < 3:
        return True
    return any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for text in recording.sources.values()
    )


def printed_label(recording: Recording, printed: PrintedLoss) -> str:
    """The label of a printed series, as it is shown beside its curve."""
    return label_of(recording, printed.label)


def error(ended: RunEnded, include_data: bool = False) -> str:
    """The error that ended a program: its class, and its message where data may be shown.

    >>> error(RunEnded(1, 1, "KeyError", "'Jane Doe'", None)), error(RunEnded(1, 1, "KeyError", "'a'", None), True)
    ('KeyError', "KeyError: 'a'")
    """
    name = ended.exception or ""
    return f"{name}: {ended.message}" if include_data and ended.message else name


def value(recording: Recording, text: str) -> str:
    """A value of the targets, where it is no more than the number of a class (a whole number up to 99 either way); else
    empty.

    >>> value(Recording([]), "1"), value(Recording([]), "83500")
    ('1', '')
    """
    if recording.include_data:
        return text
    try:
        given = float(text)
    except ValueError:
        return text if text in ("True", "False") else ""
    return text if math.isfinite(given) and given == int(given) and abs(given) < 100 else ""
