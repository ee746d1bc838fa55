"""What the JSON interface answers: these types are its schema too. Times are seconds since 1970, UTC."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from flatline.record.state import State
from flatline.report.curves import Line, Mark
from flatline.report.heatmap import HeatMap
from flatline.verdict import Verdict


class Headline(msgspec.Struct):
    """A verdict in one sentence, and how many steps of the run it was made from."""

    healthy: bool
    summary: str
    steps: int


class RunItem(msgspec.Struct):
    """A run in the list. ``program`` is its file's name with its arguments, cut off where it is long.

    ``state``: ``running``; ``ended`` when the program's end is on record; ``killed`` when it is not and the process is
    gone; ``unknown`` when the record comes from another machine. ``exception`` is the one the program ended with.
    ``loss`` is the last optimised loss that was finite, ``non_finite`` whether the very last was not. ``problem`` says
    why the record cannot be read, or only in part.
    """

    id: str
    program: str
    directory: str
    state: State
    started: float | None
    steps: int
    size: int
    loss: float | None = None
    non_finite: bool = False
    exception: str | None = None
    problem: str | None = None
    headline: Headline | None = None


class RunList(msgspec.Struct):
    """The newest runs; ``total`` counts all. ``server`` changes when the server is started again."""

    server: str
    folder: str
    total: int
    runs: list[RunItem]


class CurvePart(msgspec.Struct):
    """What is new of a curve. Whatever the reader holds from place ``start`` on is replaced by these stretches.

    Each stretch holds up to ``stride`` points: its first and last step, the mean, least and greatest of its finite
    values (null where there is none), and how many were not finite. With a stride of 1 the mean is the value, and
    ``ends``, ``low`` and ``high`` are null.
    """

    stride: Annotated[int, msgspec.Meta(ge=1)]
    start: Annotated[int, msgspec.Meta(ge=0)]
    steps: list[int]
    mean: list[float | None]
    bad: list[int]
    ends: list[int] | None = None
    low: list[float | None] | None = None
    high: list[float | None] | None = None


class Series(msgspec.Struct):
    """One curve of a run. ``kind``: optimised, criterion, evaluation, printed, gradient, update or rate.

    ``line`` is the line of the program it comes from, as ``train.py:12``.
    """

    number: int
    kind: str
    name: str
    line: str
    points: int
    part: CurvePart


class Progress(msgspec.Struct):
    """A run, and what is new of its curves since a cursor.

    ``reset``: the cursor was not of this reading of the record, and everything is sent anew. ``complete``: the record
    has been read to its end; until then ``share`` says how much of it. ``verdict_version`` grows when a newer verdict is
    there to be fetched; ``left_out`` counts series that are not shown. ``epochs``
    are the steps at which passes over the loader ended, none when there are more than sixty.
    """

    run: RunItem
    server: str
    cursor: str
    reset: bool
    complete: bool
    share: float
    series: list[Series]
    epochs: list[int]
    epoch_count: int
    left_out: int
    verdict_version: int
    facts: dict[str, str]


class Drawing(msgspec.Struct):
    """What is drawn of a run besides its curves: losses as printed, marks on the curves, and heat maps by layer."""

    printed: list[Line]
    marks: list[Mark]
    heat_maps: list[HeatMap]


class Judged(msgspec.Struct):
    """One diagnosis: the last row of the store that it was made from, or the problem that prevented it."""

    row: int
    problem: str | None
    verdict: Verdict | None = None
    drawing: Drawing | None = None
    titles: dict[str, str] = {}


class Opinion(msgspec.Struct):
    """The latest verdict on a run; ``row`` is the last row of the store that it was made from.

    ``state``: ``waiting`` until the first is there, ``ready``, or ``failed`` with the reason in ``problem``; a verdict
    that was made before a failure is still given. ``titles`` are the causes' sentences by name.
    """

    state: Literal["waiting", "ready", "failed"]
    row: int
    problem: str | None = None
    verdict: Verdict | None = None
    drawing: Drawing | None = None
    titles: dict[str, str] = {}


class Refusal(msgspec.Struct):
    """Why a request was refused, and what to do next."""

    error: str
