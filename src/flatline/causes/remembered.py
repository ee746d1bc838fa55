"""Whether a model knows labels on evaluated rows that it can only know from training on them, or on their sources."""

from __future__ import annotations

import math

from flatline.causes.base import Experiment
from flatline.causes.case import Case
from flatline.causes.judging import contrast, ends
from flatline.changes import Change
from flatline.observe.events import Remembered
from flatline.record.near import RUN, radius, sources, windows

# Labels that are drawn independently of what a model was trained on are guessed with an expected likelihood ratio of 1, so
# one of 1,000 or more comes up once in 1,000 programs at most (Markov's inequality).
SURE = math.log(1000)


def labels_remembered(case: Case) -> Experiment:
    """Random labels in the place of the program's, one for each row, or for each source of rows."""
    return Experiment(
        "are random labels known on the evaluated rows, one label for each row or source of rows?",
        [Change("memory", _same_source(case))],
        contrast(
            "memory",
            lambda control: bool(control.recording.evaluations),
            lambda control, trial: remembered(trial)[1] > SURE,
            "random labels of evaluated rows are known: these rows, or their sources, were trained on",
            "random labels of evaluated rows are not known, though those of the trained ones were learned",
            lambda control, trial: remembered(trial)[1] < 0 and trial.explained > 0.5,
            _told,
        ),
        steps=case.recording.steps,
    )


def _same_source(case: Case) -> dict[str, float]:
    """How rows of one source are known, for the change ``memory``; empty for equal rows."""
    if windows(case.recording) is not None:
        return {"run": RUN}
    apart = radius(case.recording) if sources(case.recording) is not None else None
    return {"radius": apart} if apart is not None else {}


def remembered(case: Case) -> tuple[int, float]:
    """Sources of evaluated rows in the last pass, and by how many nats their random labels are known better than guessed."""
    seen = case.recording.all(Remembered)
    return (seen[-1].sources, seen[-1].nats) if seen else (0, 0.0)


def _told(case: Case) -> str:
    count, nats = remembered(case)
    if not count:
        return ends(case)
    return f"{nats:.1f} nats better than a guess, on {count} rows or sources; chance: above {SURE:.1f} once in 1,000"
