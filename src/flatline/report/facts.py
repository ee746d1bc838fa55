"""What a page draws of a run, as plain data that is thin enough to embed: one function, :func:`facts`."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from flatline.observe import events as e
from flatline.record.chance import chance_level, label_counts, main_call
from flatline.record.printed import printed_losses
from flatline.record.reader import Recording
from flatline.report.heatmap import HeatMap, heat_maps
from flatline.report.listing import Listing, listings
from flatline.report.thinning import short, thin
from flatline.symptoms.base import training_epochs
from flatline.verdict import Verdict

MOST_POINTS = 2000
MOST_SERIES = 8
MOST_TRIAL_POINTS = 500
MOST_EPOCHS = 60
MOST_MARKS = 40
MOST_LABELS = 64


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


class Loader(msgspec.Struct):
    """A DataLoader, -1 where a number is not known; ``passes`` and what they gave, from least to most batches."""

    where: str
    samples: int
    batch_size: int
    batches: int
    drop_last: bool
    shuffle: bool
    passes: int
    fewest: int
    most: int


class Tensor(msgspec.Struct):
    """A tensor as it was in the first measured step. Numbers are over finite elements, None where there are none."""

    what: str
    shape: list[int]
    dtype: str
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    zeros: int
    not_finite: int


class Labels(msgspec.Struct):
    """How often each label was seen in the measured steps, most frequent first, and the loss of the best constant."""

    criterion: str
    counts: list[tuple[str, int]]
    distinct: int
    total: int
    chance: float | None
    chance_is: str


class Trial(msgspec.Struct):
    """An experiment on a cause: the program as it is (``control``) beside the same with one thing changed."""

    cause: str
    asks: str
    changes: str
    outcome: str
    text: str
    curves: list[Line]


class RunFacts(msgspec.Struct):
    argv: list[str]
    command: str
    directory: str
    started: float
    seed: int | None
    versions: dict[str, str]
    steps: int
    epochs: int
    overhead: float
    ended: str
    store: str


class Facts(msgspec.Struct):
    """Everything that a page shows beside the verdict; :meth:`to_json` is what is embedded in it."""

    run: RunFacts
    losses: list[Line]
    rates: list[Line]
    epochs: list[int]
    marks: list[Mark]
    heat_maps: list[HeatMap]
    listings: list[Listing]
    loaders: list[Loader]
    tensors: list[Tensor]
    labels: Labels | None
    trials: list[Trial]

    def to_json(self) -> bytes:
        """As JSON; NaN and infinities are null."""
        return msgspec.json.encode(self)


def facts(recording: Recording, verdict: Verdict, store: str | Path | None = None, most: int = MOST_POINTS) -> Facts:
    """The plain data of a run that the HTML report and the live page draw.

    Args:
        recording: what was observed; also of a run that goes on.
        verdict: the diagnosis of it.
        store: where the record lies, to be shown.
        most: how many points a curve may have; extremes, ends and the first NaN of each stretch are kept.
    """
    return Facts(
        _run(recording, verdict, store),
        _losses(recording, most),
        _rates(recording, most),
        _epochs(recording),
        _marks(recording, verdict),
        heat_maps(recording),
        listings(recording, verdict),
        _loaders(recording),
        _tensors(recording),
        _labels(recording),
        trials(verdict),
    )


def where(recording: Recording, place: int | None) -> str:
    """A place as ``train.py:12``; empty when it is not known."""
    line = recording.line(place)
    return f"{Path(line.file).name}:{line.line}" if line is not None else ""


# the run ---------------------------------------------------------------------------------------------------------


def _run(recording: Recording, verdict: Verdict, store: str | Path | None) -> RunFacts:
    run = recording.run
    return RunFacts(
        run.argv,
        command(run.argv),
        run.directory,
        run.started,
        run.seed,
        run.versions,
        verdict.run.steps,
        verdict.run.epochs,
        verdict.overhead.ratio,
        _ended(recording),
        str(store) if store is not None else "",
    )


def command(argv: list[str]) -> str:
    """What to type to have the run and its verdict again.

    >>> command(["train.py", "--name", "a b"]), command(["package.train", "-v"])
    ("flatline run train.py --name 'a b'", 'flatline run -m package.train -v')
    """
    if not argv:
        return ""
    program = argv[0]
    module = "/" not in program and not program.endswith(".py") and all(p.isidentifier() for p in program.split("."))
    return shlex.join(["flatline", "run", *(["-m"] if module else []), *argv])


def _ended(recording: Recording) -> str:
    ended = recording.ended
    if ended is None:
        return "no end was recorded: the program was killed, or is still running"
    if ended.exception is None:
        return "normally"
    line = where(recording, ended.place)
    return f"with {ended.exception}: {ended.message or ''}".rstrip(": ") + (f" ({line})" if line else "")


# curves ----------------------------------------------------------------------------------------------------------


def _losses(recording: Recording, most: int) -> list[Line]:
    lines = [
        _line(c.kind, c.name, where(recording, c.place), c.steps, c.values, most)
        for c in [*recording.optimised[:MOST_SERIES], *_beside(recording)[:MOST_SERIES]]
    ]
    for printed in printed_losses(recording)[:MOST_SERIES]:
        steps = np.array([n.step for n in printed.numbers], np.int64)
        values = np.array([n.value for n in printed.numbers])
        # The program may have printed an infinity, and one step's number more than once.
        lines.append(_line("printed", printed.label, where(recording, printed.place), steps, values, most))
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


def _rates(recording: Recording, most: int) -> list[Line]:
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
    """The experiments that causes carry. A curve that is not a list of [step, value] pairs is left out."""
    result: list[Trial] = []
    for cause in verdict.causes:
        found = cause.experiment
        if not found:
            continue
        curves = [_pairs(kind, found.get(kind)) for kind in ("control", "trial")]
        words = (str(found.get(key) or "") for key in ("asks", "outcome", "text"))
        asks, outcome, text = words
        curved = [curve for curve in curves if curve is not None]
        result.append(Trial(cause.name, asks, _changes(found.get("changes")), outcome, text, curved))
    return result


def _pairs(kind: str, pairs: Any) -> Line | None:
    if not isinstance(pairs, list) or not pairs:
        return None
    try:
        steps = np.array([int(step) for step, _ in pairs], np.int64)
        values = np.array([math.nan if value is None else float(value) for _, value in pairs])
    except (TypeError, ValueError):
        return None
    return _line(kind, {"control": "as it is", "trial": "changed"}[kind], "", steps, values, MOST_TRIAL_POINTS)


def _changes(changes: Any) -> str:
    """What a trial changed, in words: ``learning-rate (factor 0.1)``."""
    if not isinstance(changes, list):
        return str(changes or "")
    parts: list[str] = []
    for change in changes:
        if isinstance(change, dict) and "name" in change:
            settings = ", ".join(f"{key} {value}" for key, value in (change.get("arguments") or {}).items())
            parts.append(f"{change['name']} ({settings})" if settings else str(change["name"]))
        else:
            parts.append(str(change))
    return "; ".join(parts)


# marks -----------------------------------------------------------------------------------------------------------


def _epochs(recording: Recording) -> list[int]:
    """First steps of the epochs; of many, evenly chosen ones."""
    starts = [begin for begin, _ in training_epochs(recording)]
    every = -(-len(starts) // MOST_EPOCHS)
    return starts[::every] if every > 1 else starts


def _marks(recording: Recording, verdict: Verdict) -> list[Mark]:
    marks = [Mark(s.first_step, "onset", s.name, s.text) for s in verdict.symptoms]
    for bad in recording.all(e.NonFinite)[:1]:
        text = f"{bad.operation} gave a number that is not finite {where(recording, bad.place)}".strip()
        marks.append(Mark(bad.step, "event", "not finite", text))
    for half in recording.all(e.HalfOverflow)[:1]:
        marks.append(Mark(half.step, "event", "overflow", f"{half.infinite} elements of {half.dtype} overflowed"))
    for scale in [s for s in recording.all(e.LossScale) if s.skipped][:1]:
        marks.append(Mark(scale.step, "event", "step skipped", f"loss scale {scale.scale:g}: gradients not finite"))
    for exchange in [x for x in recording.all(e.Exchanged) if not x.finite_after][:1]:
        marks.append(Mark(exchange.step, "event", "exchange", f"{exchange.operation} over processes not finite"))
    if recording.ended is not None and recording.ended.exception is not None:
        marks.append(Mark(recording.ended.step, "end", recording.ended.exception, _ended(recording)))
    return sorted(marks, key=lambda m: m.step)[:MOST_MARKS]


# data ------------------------------------------------------------------------------------------------------------


def _loaders(recording: Recording) -> list[Loader]:
    result: list[Loader] = []
    for seen in recording.all(e.LoaderSeen)[:MOST_SERIES]:
        given = [ended.batches for ended in recording.epochs if ended.loader == seen.number]
        result.append(
            Loader(
                where(recording, seen.place), seen.samples, seen.batch_size, seen.length, seen.drop_last, seen.shuffle,
                len(given), min(given, default=-1), max(given, default=-1),
            )
        )  # fmt: skip
    return result


def _tensors(recording: Recording) -> list[Tensor]:
    result: list[Tensor] = []
    seen: set[int] = set()
    models = {m.number: m.name for m in recording.all(e.ModelSeen)}
    for forward in recording.all(e.Forward):
        if forward.model in seen or len(seen) == MOST_SERIES:
            continue
        seen.add(forward.model)
        name = models.get(forward.model, "model")
        result += [_tensor(f"input of {name}", t) for t in forward.inputs[:4]]
        result += [_tensor(f"output of {name}", t) for t in forward.outputs[:4]]
    main = main_call(recording)
    if main is not None:
        pair = (("input", main.input), ("target", main.target))
        result += [_tensor(f"{what} of {main.name}", t) for what, t in pair if t is not None]
    return result


def _tensor(what: str, t: e.TensorFacts) -> Tensor:
    least, most, mean, deviation = (short(v) for v in (t.minimum, t.maximum, t.mean, t.deviation))
    return Tensor(what, t.shape, t.dtype, least, most, mean, deviation, t.zeros, t.non_finite)


def _labels(recording: Recording) -> Labels | None:
    main = main_call(recording)
    if main is None:
        return None
    counts = label_counts(recording, main)
    if not counts:
        return None
    chance = chance_level(recording)
    return Labels(
        main.name,
        _most_common(counts.items()),
        len(counts),
        sum(counts.values()),
        short(chance.value) if chance is not None and math.isfinite(chance.value) else None,
        chance.what if chance is not None else "",
    )


def _most_common(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda item: (-item[1], item[0]))[:MOST_LABELS]
