"""What a log holds once it is read: named series of numbers, with what they are."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Protocol

from flatline.logs.roles import Name, name_of

# More values than a person logs in weeks; what goes on after them is not kept, and the log says so.
MOST_VALUES = 2_000_000
MOST_SERIES = 2_000


@dataclass
class Series:
    """One series of a log, in order: ``steps`` as logged (else the entry's number), ``values``, ``epochs`` (NaN when
    not logged), all of the same length.

    ``counted`` says that the steps are those of the optimizer, as the format's writer defines them; what a program hands
    to a logger itself may count epochs. ``resolution`` is the rounding error that a value may hold, half a unit of its last digit; 0 for numbers that were
    written in full.
    """

    name: Name
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    resolution: float = 0.0
    counted: bool = False

    def __len__(self) -> int:
        return len(self.values)


@dataclass
class Log:
    """What was read of one run.

    ``means`` says that each loss is the mean over the steps since the entry before it, as the format's writer defines
    it; else it may be that of one batch. ``program`` is the command line, when the log tells it. ``notes`` say what
    could not be read.
    """

    path: str
    format: str = ""
    series: dict[str, Series] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=list)
    means: bool = False
    count: int = 0

    def add(
        self,
        name: str,
        value: float,
        step: float | None = None,
        epoch: float | None = None,
        resolution: float = 0.0,
        counted: bool = False,
    ) -> None:
        """Appends one logged number; text that is no loss, rate, norm or the like is passed over."""
        found = self.series.get(name)
        if found is None:
            kind = name_of(name)
            if kind is None or len(self.series) >= MOST_SERIES:
                return
            found = self.series[name] = Series(kind)
        if self.count >= MOST_VALUES:
            self.note(f"more than {MOST_VALUES:,} values; those after them are not read")
            return
        self.count += 1
        # Of several roundings the finest: `0.0` among four decimals was rounded to four as well.
        finest = min(found.resolution, resolution) if len(found) else resolution
        found.resolution = finest
        found.counted = counted and step is not None and (found.counted or not len(found))
        found.steps.append(whole(step, len(found)))
        found.values.append(value)
        found.epochs.append(epoch if epoch is not None else math.nan)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class Stream(Protocol):
    """What a format reads from: a file, or standard input."""

    def read(self, size: int = -1, /) -> bytes:
        """At most that many bytes; none at the end."""
        ...


class Format(Protocol):
    """A file of ``flatline.logs.formats``."""

    TITLE: str

    @staticmethod
    def recognises(name: str, start: bytes) -> bool:
        """Whether a file of that name, which starts so (at most :data:`START` bytes), is of the format."""
        ...

    @staticmethod
    def read(stream: Stream, log: Log) -> None:
        """Adds what the stream holds. What is not whole is passed over, with a note; nothing raises but OSError."""
        ...


START = 65536


def whole(step: float | None, otherwise: int) -> int:
    """A step as a whole number that fits in 64 bits; ``otherwise`` when it is none.

    >>> whole(3.0, 7), whole(None, 7), whole(float("nan"), 7), whole(1e300, 7)
    (3, 7, 7, 7)
    """
    if step is None or not math.isfinite(step) or not 0 <= step < 2**62:
        return otherwise
    return int(step)
