"""Why is the loss zero? The questions in the order in which they are cheapest to answer, and what each answer leaves.

A verdict asks every cause at once. A person goes one question after the other; these are the tool's, each answered by
what was recorded. ``flatline why`` prints them for a run, and the page docs/why-zero.md is written from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flatline.causes.case import PRINTS_AS_ZERO, Case, number
from flatline.record.quoting import value
from flatline.symptoms.base import Symptom

ZEROS = ("zero-loss", "near-zero-loss", "reported-differs")
# A loss that was above a tenth of its level before, one step before it is zero, did not decay into it.
SUDDEN = 0.1


@dataclass(frozen=True)
class Answer:
    """One answer: what it says, and the causes that it leaves; None leaves those that were left before."""

    text: str
    leaves: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def among(self, left: set[str]) -> set[str]:
        return (left if self.leaves is None else left & self.leaves) - self.without


@dataclass(frozen=True)
class Question:
    """``ask`` gives the key of the answer and what was measured; None when the record does not tell."""

    asks: str
    why: str
    answers: dict[str, Answer]
    ask: Callable[[Case, Symptom], tuple[str, str] | None]


@dataclass(frozen=True)
class Step:
    """A question put to one run: the answer, what was measured, and the causes that are left after it."""

    asks: str
    answer: str
    measured: str
    left: list[str]


def zero_of(case: Case) -> Symptom | None:
    """The sight that the questions are about: an optimised or a printed loss of 0, or nearly; None without one."""
    for name in ZEROS:
        for symptom in case.symptoms:
            if symptom.name == name and (name != "reported-differs" or abs(symptom.value) < PRINTS_AS_ZERO):
                return symptom
    return None


def narrow(case: Case) -> list[Step]:
    """Asks the questions of a run whose loss is zero, until one cause is left or there is none to ask.

    Raises:
        ValueError: no loss of the run is zero.
    """
    zero = zero_of(case)
    if zero is None:
        raise ValueError("no loss of this run is zero, nor printed as zero")
    left = set(CAUSES)
    steps: list[Step] = []
    for question in QUESTIONS:
        if len(left) == 1:
            break
        told = question.ask(case, zero)
        if told is None:
            steps.append(Step(question.asks, "not on record", "", sorted(left)))
            continue
        answer = question.answers[told[0]]
        # An answer that would leave nothing contradicts an earlier one: then both are only hints, and it is passed over.
        left = answer.among(left) or left
        steps.append(Step(question.asks, answer.text, told[1], sorted(left)))
    return steps


def _printed(case: Case, zero: Symptom) -> tuple[str, str] | None:
    shown = [m for m in case.printed if not m.printed.evaluation and m.shown and abs(m.shown[-1]) < PRINTS_AS_ZERO]
    if zero.curve is not None:
        return "yes", f"the tensor itself is {number(float(zero.curve.values[-1]))}"
    if not shown:
        return None
    curve = shown[0].curve or case.curve
    text, true = shown[0].printed.numbers[-1].text, shown[0].true[-1] if shown[0].true else math.nan
    if curve is not None and not np.isfinite(curve.values).all():
        return "not finite", f"printed {text!r}; the tensor was NaN or infinite"
    if math.isnan(true):
        return "nothing", f"printed {text!r}; nothing was computed since the print before"
    told = f"printed {text!r}; the tensor was {number(true)} on average"
    if abs(true) < PRINTS_AS_ZERO:
        return "yes", told
    return "rounded" if shown[0].agrees else "no", told


def _batches(case: Case, zero: Symptom) -> tuple[str, str] | None:
    empty = case.symptom("empty-epoch")
    if empty is not None:
        return "no", empty.text
    if not case.recording.epochs:
        return None
    return "yes", f"at least {min(ended.batches for ended in case.recording.epochs)} in each pass over a loader"


def _finite(case: Case, zero: Symptom) -> tuple[str, str] | None:
    first = case.recording.first_non_finite
    weights = [u.step for u in case.updates if any(p.non_finite_weight or p.non_finite_gradient for p in u.parameters)]
    if first is not None:
        return "no", f"the optimised loss was NaN or infinite in step {first}"
    if weights:
        return "no", f"weights or gradients were NaN or infinite in step {weights[0]}"
    return ("yes", "loss, gradients and weights, wherever measured") if case.backwards else None


def _began(case: Case, zero: Symptom) -> tuple[str, str] | None:
    curve = zero.curve or case.curve
    if curve is None or not (np.abs(curve.values) < PRINTS_AS_ZERO).any():
        return None
    values = curve.values
    first = int(np.argmax(np.abs(values) < PRINTS_AS_ZERO))
    if first == 0:
        return "start", "before any update"
    before = values[:first]
    level = float(np.median(np.abs(before)))
    last = abs(float(before[-1]))
    where = f"{number(last)} one step before, {number(level)} in the middle of the time before it"
    return ("suddenly" if last > SUDDEN * level else "gradually"), where


def _gradient(case: Case, zero: Symptom) -> tuple[str, str] | None:
    curve = zero.curve or case.curve
    if curve is None or not case.updates:
        return None
    zeros = set(curve.steps[curve.values == 0].tolist())
    seen = [u for u in case.updates if u.step in zeros]
    gradients = [p.gradient for u in seen for p in u.parameters if p.has_gradient]
    if not seen:
        return "shrinks", "the loss is small and never exactly 0 where gradients were measured"
    if not gradients or all(g == 0 for g in gradients):
        return "zero", f"exactly 0 in {len(seen)} measured steps whose loss is 0"
    if not np.isfinite(gradients).all():
        return "not finite", f"NaN or infinite in {len(seen)} measured steps whose loss is 0"
    return "moves", f"up to {number(max(gradients))} in steps whose loss is exactly 0"


def _supervision(case: Case, zero: Symptom) -> tuple[str, str] | None:
    calls = case.calls
    if not calls:
        return None
    if any(c.classes == 1 and c.name == "cross_entropy" for c in calls):
        return "one class", "the class dimension has size 1"
    counted = [c.valid_targets for c in calls if c.valid_targets >= 0]
    if counted and max(counted) == 0:
        return "none valid", f"none of the targets counts in any of {len(counted)} measured calls"
    labels = case.label_counts
    if len(labels) == 1:
        return "one label", f"every target is {value(case.recording, next(iter(labels))) or 'one value'}"
    if len(labels) > 1:
        return "varied", f"{len(labels)} different labels"
    return None


def _held_out(case: Case, zero: Symptom) -> tuple[str, str] | None:
    share = case.held_out_explained
    if math.isnan(share):
        return None
    told = f"{share:.0%} of the chance loss is gone on data seen without gradients"
    return ("low", told) if share > 0.5 else ("high", told)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMERIC = _set(
    "numeric-overflow distributed-numerics non-finite-data loss-scale-collapse all-targets-masked"
    " learning-rate-too-high exploding-gradient"
)
_DECAY = _set(
    "constant-targets answer-visible label-in-input duplicate-data inactive-margin gan-imbalance posterior-collapse"
    " embedding-collapse honest-fit"
)
_AT_ONCE = _set(
    "one-class-softmax all-targets-masked no-positive-targets no-contrast zero-by-design ctc-impossible-alignment"
    " inactive-margin lucky-initialization constant-targets posterior-collapse answer-visible loss-scale-collapse"
    " numeric-overflow distributed-numerics non-finite-data"
)
CAUSES = _NUMERIC | _DECAY | _AT_ONCE | _set("reporting-bug empty-epoch dead-relu graph-cut learning-rate-zero")

QUESTIONS = (
    Question(
        "Is the printed number the loss?",
        "Every value that a criterion gave is compared with the number that the program printed.",
        {
            "yes": Answer("yes", without=_set("reporting-bug")),
            "rounded": Answer("yes, with too few digits: the loss is not zero", _set("reporting-bug")),
            "no": Answer("no: the loss is finite and not zero", _set("reporting-bug empty-epoch")),
            "nothing": Answer("no: nothing was computed there", _set("empty-epoch reporting-bug")),
            "not finite": Answer("no: the loss is NaN or infinite", _NUMERIC | _set("empty-epoch reporting-bug")),
        },
        _printed,
    ),
    Question(
        "Did every epoch have a batch?",
        "The batches that each pass over a loader gave are counted.",
        {
            "no": Answer("no", _set("empty-epoch")),
            "yes": Answer("yes", without=_set("empty-epoch")),
        },
        _batches,
    ),
    Question(
        "Is every number finite?",
        "Losses at every step; gradients, weights and what enters the criterion on measured steps.",
        {
            "no": Answer("no", _NUMERIC | _set("reporting-bug")),
            "yes": Answer("yes", without=_set("non-finite-data exploding-gradient")),
        },
        _finite,
    ),
    Question(
        "When did it begin?",
        "The first step whose loss is zero, and how large the loss was one step before.",
        {
            "start": Answer("before any update", _AT_ONCE),
            "suddenly": Answer("from one step to the next", without=_set("lucky-initialization one-class-softmax")),
            "gradually": Answer(
                "it came down to it",
                _DECAY | _set("ctc-impossible-alignment no-contrast loss-scale-collapse zero-by-design"),
            ),
        },
        _began,
    ),
    Question(
        "What is the gradient where the loss is zero?",
        "Gradient norms in the measured steps whose loss is exactly 0.",
        {
            "zero": Answer("exactly 0", without=_set("zero-by-design honest-fit answer-visible label-in-input")),
            "moves": Answer(
                "not 0: the weights are trained all the same",
                _set("zero-by-design no-contrast gan-imbalance posterior-collapse lucky-initialization") | _NUMERIC,
            ),
            "not finite": Answer("NaN or infinite", _NUMERIC),
            "shrinks": Answer("it shrinks with the loss", without=_set("one-class-softmax")),
        },
        _gradient,
    ),
    Question(
        "What is there to learn from?",
        "Classes, targets that count, and different labels, over the measured calls of the criterion.",
        {
            "one class": Answer("one class", _set("one-class-softmax no-contrast")),
            "none valid": Answer("no target counts", _set("all-targets-masked no-positive-targets")),
            "one label": Answer("one label", _set("constant-targets no-positive-targets inactive-margin no-contrast")),
            "varied": Answer("labels vary", without=_set("constant-targets")),
        },
        _supervision,
    ),
    Question(
        "Is it as low on data that were not trained on?",
        "The same criterion, called without gradients.",
        {
            "low": Answer("yes: learned, or the answer can be read there too", without=_set("duplicate-data")),
            "high": Answer("no: memorised, or the answer is only in the training rows"),
        },
        _held_out,
    ),
)
