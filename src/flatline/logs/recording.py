"""A log as a recording, so that symptoms are found in it as in a run."""

from __future__ import annotations

from array import array

from flatline.logs.base import Log, Series
from flatline.logs.roles import Role
from flatline.observe import events as e
from flatline.record.recording import Recording


def as_recording(log: Log) -> Recording:
    """The training losses of a log as ``logged`` curves; its evaluation losses, where it has no other."""
    records: list[e.Event] = [e.RunStarted(log.program, "", {}, 0.0)]
    for number, series in enumerate(shown_losses(log)):
        count = len(series)
        records.append(e.Series(number, "logged", series.name.text, None))
        # The clock of a log is its order.
        ticks = array("q", range(1, count + 1))
        points = (ticks.tobytes(), series.steps.tobytes(), series.values.tobytes(), bytes(8 * count))
        records.append(e.Points(number, *points))
    return Recording(records)


def shown_losses(log: Log) -> list[Series]:
    """The training losses, else the evaluation losses; the whole loss before its terms, the longest first."""
    losses = [s for s in log.series.values() if s.name.role is Role.LOSS and len(s)]
    training = [s for s in losses if not s.name.evaluation] or losses
    whole = [s for s in training if not s.name.part]
    # One term of a loss may well be 0 while training goes on: it counts only where there is no sum.
    return sorted(whole or training, key=len, reverse=True)
