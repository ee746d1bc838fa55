"""The run itself: how it began, its source, what it printed, what watching cost, how it ended."""

from __future__ import annotations

from flatline.observe.events.base import Record


class Place(Record):
    """A line of the user's own code.

    ``number`` is what other records refer to. ``line`` counts from 1.
    """

    number: int
    file: str
    line: int
    function: str


class Source(Record):
    """The text of one of the user's files as it was when a line of it was first seen."""

    file: str
    text: str


class RunStarted(Record):
    """``process`` is the program's process id on the machine ``host``: whether it still runs can be asked there."""

    argv: list[str]
    directory: str
    versions: dict[str, str]
    started: float
    rank: int = 0
    seed: int | None = None
    process: int = 0
    host: str = ""
    check: bool = False
    # The interpreter with its options, and whether the program was named as a module: to start it again.
    python: list[str] = []
    module: bool = False
    # Of processes that a starter such as torchrun started: how many there are, on all machines; else 0.
    world: int = 0


class RunEnded(Record):
    tick: int
    step: int
    exception: str | None
    message: str | None
    place: int | None


class Exited(Record):
    """Written by the parent when the program is gone: its status as ``subprocess`` gives it, and the clock's time."""

    status: int
    time: float


class ProbeFailed(Record):
    """A fault of flatline's own that was kept from the user's program."""

    probe: str
    message: str


class Cost(Record):
    """Seconds that flatline took, and seconds since the run started; ``budget`` is the share that it may take."""

    probes: float
    total: float
    budget: float = 0.0


class Printed(Record):
    """Text that the program wrote, one line of it."""

    tick: int
    step: int
    place: int | None
    stream: str
    text: str
    exhausted: list[str] = []


class Intervened(Record):
    """A change that a trial made to the program, and how often it was made so far."""

    tick: int
    step: int
    name: str
    times: int
