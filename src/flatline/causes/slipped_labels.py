"""Whether the labels of neighbouring rows fit: what tells labels that slipped from labels that mean nothing."""

from __future__ import annotations

import numpy as np

from flatline.causes.base import Judgement, Outcome
from flatline.causes.case import Case, number
from flatline.causes.judging import acted, ends, formula
from flatline.changes import Change
from flatline.observe.events import LoaderSeen

# A header that is read as a row, or a row that is dropped on one side, moves the labels by one.
PLACES = (-1, 1)
_ORDERS = ("randperm(", "permutation(", "shuffle(", ".sample(")
# A relation at one of the two places that were tried, by chance: as for a five-sigma find.
CHANCE = 1e-6


def shuffled(case: Case) -> bool:
    """Whether a loader brings the rows in a random order, so that their neighbours cannot be told from the record."""
    return any(loader.shuffle for loader in case.recording.all(LoaderSeen))


def mixed(case: Case) -> bool:
    """Whether rows may come in another order than they stand in: by a loader, or by an order that the program draws."""
    return shuffled(case) or any(name in text for text in case.recording.sources.values() for name in _ORDERS)


def neighbours(case: Case) -> list[list[Change]]:
    """A change for each place: every row has the label of the row so many places on, before rows are shuffled."""
    return [[Change("labels", {"how": "shift", "by": by, **formula(case)})] for by in PLACES]


def exchanged(control: Case, trial: Case) -> bool:
    """Whether the loss saw other targets than in the control; rows that are drawn alike are compared."""
    pairs = zip(control.recording.rows, trial.recording.rows)
    targets = [(a.target, b.target) for a, b in pairs if a.target is not None and b.target is not None]
    return any(a.shape == b.shape and not np.array_equal(a, b) for a, b in targets)


def looked(control: Case, trials: list[Case]) -> bool:
    """Whether the labels were moved in each of the trials."""
    return bool(trials) and all(acted(trial, "labels") and exchanged(control, trial) for trial in trials)


def fitting(trials: list[Case]) -> str:
    """Which neighbour's labels the inputs predict, in words; empty when none's."""
    for by, trial in zip(PLACES, trials):
        found = trial.association
        if found is not None and len(PLACES) * found.p < CHANCE:
            return (
                f"the inputs predict the label of the row {'after' if by > 0 else 'before'} their own, by {found.method} "
                f"(p = {number(found.p)}, {found.measure} {found.score:.2f})"
            )
    return ""


def judged(control: Case, trials: list[Case]) -> Judgement:
    """The judgement on labels that slipped by a row, from a trial for each of :data:`PLACES`."""
    if not looked(control, trials):
        return Judgement(Outcome.UNDECIDED, "the labels were not seen to move: they reach the loss on another way")
    found = control.association
    if found is None or found.found:
        return Judgement(Outcome.UNDECIDED, "the control's own labels are predicted, or its rows do not line up")
    fits = fitting(trials)
    numbers = f"best probe on the row's own label: p = {number(found.p)}", ends(trials[0])
    if fits:
        return Judgement(Outcome.CONFIRMED, fits, numbers[0], fits)
    return Judgement(Outcome.UNDECIDED, "the labels of the rows before and after do not fit either", *numbers)
