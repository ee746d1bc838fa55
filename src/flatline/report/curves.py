"""The curves of a run as plain data: losses, learning rates, experiments, and what happened when."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from flatline.experiments.proof import CurveItem
from flatline.observe import events as e
from flatline.record.printed import printed_losses
from flatline.record.quoting import error, printed_label
from flatline.record.recording import Recording
from flatline.report.listing import where
from flatline.report.thinning import short, thin
from flatline.symptoms.base import training_epochs
from flatline.verdict import Verdict

MOST_SERIES = 8
MOST_TRIAL_POINTS = 500
MOST_EPOCHS = 60
MOST_MARKS = 40


class Line(msgspec.Struct):
    """One curve over optimizer steps. ``values`` holds None where a value is NaN or infinite.

    ``kind`` is optimised, criterion, evaluation, printed or rate. ``points`` counts the values before thinning,
    ``not_finite`` those among them that are NaN or infinite, ``first_not_finite`` the first one's step.
    """

    kind: str
    name: str
    where: str
    steps: list[int]
    values: list[float | None]
    points: int
    not_finite: int = 0
    first_not_finite: int | None = None
    note: str = ""


class Mark(msgspec.Struct):
    """Something that happened at a step. ``kind`` is onset (a symptom first shows), event, or end."""

    step: int
    kind: str
    name: str
    text: str


class Trial(msgspec.Struct):
    """An experiment on a cause: the program as it is (``control``) beside the same with one thing changed."""

    cause: str
    asks: str
    changes: str
    outcome: str
    text: str
    curves: list[Line]


def losses(recording: Recording, most: int) -> list[Line]:
    lines = [
        _line(c.kind, c.name, where(recording, c.place), c.steps, c.values, most)
        for c in [*recording.optimised[:MOST_SERIES], *_beside(recording)[:MOST_SERIES]]
    ]
    for printed in printed_losses(recording)[:MOST_SERIES]:
        steps = np.array([n.step for n in printed.numbers], np.int64)
        values = np.array([n.value for n in printed.numbers])
        # The program may have printed an infinity, and one step's number more than once.
        lines.append(
            _line("printed", printed_label(recording, printed), where(recording, printed.place), steps, values, most)
        )
    return lines


def _beside(recording: Recording) -> list[Any]:
    """Evaluation losses, and criteria that are not just the optimised loss again."""
    same = {(len(c), float(c.values[0]), float(c.values[-1])) for c in recording.optimised}
    own = [c for c in recording.criteria if (len(c), float(c.values[0]), float(c.values[-1])) not in same]
    return [*recording.evaluations, *own]


def _line(kind: str, name: str, place: str, steps: Any, values: Any, most: int) -> Line:
    kept = thin(values, most)
    bad = np.flatnonzero(~np.isfinite(values))
    return Line(
        kind,
        name,
        place,
        [int(s) for s in steps[kept]],
        [short(float(v)) for v in values[kept]],
        len(values),
        len(bad),
        int(steps[bad[0]]) if len(bad) else None,
    )


def rates(recording: Recording, most: int) -> list[Line]:
    """Learning rates as steps: a rate holds from the step at which it was recorded."""
    changes: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for record in recording.all(e.LearningRate):
        for group, rate in enumerate(record.rates):
            series = changes.setdefault((record.optimizer, group), [])
            if not series or series[-1][1] != rate:
                series.append((record.step, rate))
    lines: list[Line] = []
    seen: set[tuple[int, tuple[tuple[int, float], ...]]] = set()
    for (optimizer, group), points in changes.items():
        if (optimizer, tuple(points)) in seen or len(lines) == MOST_SERIES:
            continue
        seen.add((optimizer, tuple(points)))
        made = recording.optimizers.get(optimizer)
        name = f"{made.name if made else 'optimizer'}{f' group {group}' if group else ''}"
        ends = [*points, (max(recording.steps - 1, points[-1][0]), points[-1][1])]
        steps, values = np.array([s for s, _ in ends], np.int64), np.array([v for _, v in ends])
        lines.append(_line("rate", name, where(recording, made.place if made else None), steps, values, most))
    return lines


def trials(verdict: Verdict) -> list[Trial]:
    """The experiments that causes carry."""
    result: list[Trial] = []
    for cause in verdict.causes:
        found = cause.experiment
        if found is None:
            continue
        curves = [_curve(kind, item) for kind, item in (("control", found.control), ("trial", found.trial))]
        curved = [curve for curve in curves if curve is not None]
        result.append(Trial(cause.name, found.asks, _changes(found.changes), found.outcome, found.text, curved))
    return result


def _curve(kind: str, item: CurveItem | None) -> Line | None:
    if item is None or not item.steps:
        return None
    steps, values = np.array(item.steps, np.int64), np.array([float(value) for value in item.values])
    return _line(kind, {"control": "as it is", "trial": "changed"}[kind], "", steps, values, MOST_TRIAL_POINTS)


def _changes(changes: list[dict[str, Any]]) -> str:
    """What a trial changed, in words: ``learning-rate (factor 0.1)``."""
    parts: list[str] = []
    for change in changes:
        settings = ", ".join(f"{key} {value}" for key, value in change["arguments"].items())
        parts.append(f"{change['name']} ({settings})" if settings else str(change["name"]))
    return "; ".join(parts)


def epochs(recording: Recording) -> tuple[list[int], int]:
    """First steps of the epochs; of many every n-th, with n."""
    starts = [begin for begin, _ in training_epochs(recording)]
    every = max(1, -(-len(starts) // MOST_EPOCHS))
    return starts[::every], every


def marks(recording: Recording, verdict: Verdict) -> list[Mark]:
    marks = [Mark(s.first_step, "onset", s.name, s.text) for s in verdict.symptoms]
    for bad in recording.all(e.NonFinite)[:1]:
        marks.append(Mark(bad.step, "event", "not finite", f"{bad.operation} gave a number that is not finite"))
    for half in recording.all(e.HalfOverflow)[:1]:
        marks.append(Mark(half.step, "event", "overflow", f"{half.infinite} elements of {half.dtype} overflowed"))
    for scale in [s for s in recording.all(e.LossScale) if s.skipped][:1]:
        marks.append(Mark(scale.step, "event", "step skipped", f"loss scale {scale.scale:g}: gradients not finite"))
    for exchange in [x for x in recording.all(e.Exchanged) if not x.finite_after][:1]:
        marks.append(Mark(exchange.step, "event", "exchange", f"{exchange.operation} over processes not finite"))
    if recording.ended is not None and recording.ended.exception is not None:
        marks.append(Mark(recording.ended.step, "end", recording.ended.exception, ended(recording)))
    return sorted(marks, key=lambda m: m.step)[:MOST_MARKS]


def ended(recording: Recording) -> str:
    """How the program ended, to follow the word ended."""
    end = recording.ended
    if end is None:
        return "no end was recorded: the program was killed, or is still running"
    if end.exception is None:
        return "normally"
    line = where(recording, end.place)
    return f"with {error(end, recording.include_data)}" + (f" ({line})" if line else "")
