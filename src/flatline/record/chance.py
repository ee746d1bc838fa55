"""The loss of a model that ignores its inputs: what the observed targets alone allow."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from flatline.observe.events import Backward, CriterionCall
from flatline.record.recording import Curve, Recording

CLASSIFICATION = ("cross_entropy", "nll_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


@dataclass
class Chance:
    """The loss of the best constant prediction.

    ``value`` in nats for log-losses, in squared target units for squared error; ``what`` names it in words;
    ``classes`` is 0 for regression.
    """

    value: float
    what: str
    classes: int


def entropy(counts: Counter[str]) -> float:
    """Shannon entropy of a histogram, in nats.

    >>> round(entropy(Counter({"0": 5, "1": 5})), 4)
    0.6931
    """
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values() if n) if total else 0.0


def main_call(recording: Recording) -> CriterionCall | None:
    """The first measured call of the criterion that training calls most."""
    counted = Counter(c.series for c in recording.calls)
    if not counted:
        return None
    series = counted.most_common(1)[0][0]
    return next(c for c in recording.calls if c.series == series)


def label_counts(recording: Recording, main: CriterionCall) -> Counter[str]:
    """How often each label value occurred over the measured calls of a criterion, ignored ones left out."""
    total: Counter[str] = Counter()
    for call in recording.calls:
        if call.series == main.series and call.target is not None:
            ignored = str(call.options.get("ignore_index", ""))
            total.update({k: v for k, v in call.target.counts.items() if k != ignored})
    return total


def chance_level(recording: Recording) -> Chance | None:
    """The chance loss of the main criterion, when it has a closed form and is averaged; else None.

    Cross entropy: the entropy of the observed labels (at most ln C). Binary cross entropy: the same for two. Mean
    squared error: the variance of the observed targets.
    """
    main = main_call(recording)
    if main is None or main.target is None or not (main.reduction in ("mean", "") or averaged(recording, main)):
        return None
    counts = label_counts(recording, main)
    total = sum(counts.values())
    if main.name in CLASSIFICATION and main.classes > 1:
        if total and len(counts) > 1:
            return Chance(entropy(counts), f"the entropy of the {len(counts)} labels seen", main.classes)
        return Chance(math.log(main.classes), f"ln {main.classes}", main.classes)
    if main.name in BINARY and total and set(counts) <= {"0", "1"}:
        if len(counts) == 2:
            return Chance(entropy(counts), "the entropy of the labels", 2)
        return Chance(math.log(2), "ln 2", 2)
    if main.name == "mse_loss" or is_squared_error(recording, main):
        same = [c for c in recording.calls if c.series == main.series and c.target is not None]
        means = [c.target.mean for c in same if c.target is not None and math.isfinite(c.target.mean)]
        squares = [
            c.target.deviation**2 + c.target.mean**2
            for c in same
            if c.target is not None and math.isfinite(c.target.deviation)
        ]
        if squares and all(c.target is not None and len(c.target.shape) <= 2 for c in same):
            return Chance(max(float(np.mean(squares) - np.mean(means) ** 2), 0.0), "the variance of the targets", 0)
    return None


def optimises_main(recording: Recording, curve: Curve) -> bool:
    """Whether the curve is the main criterion itself, and not a sum with other terms or a scaled copy."""
    main = main_call(recording)
    if main is None or not len(curve):
        return False
    criterion = recording.curve(main.series)
    if criterion is None or not len(criterion):
        return averaged(recording, main) and curve is recording.optimised[0]
    return bool(np.isclose(criterion.values[0], curve.values[0], rtol=1e-4, equal_nan=True))


def averaged(recording: Recording, main: CriterionCall) -> bool:
    """Whether a criterion gives one number for each sample (``reduction="none"``) and their plain mean is optimised.

    Keras and others average outside of the criterion, with weights where the program gives some. It is told by the
    numbers: at the measured steps with one call, what is optimised is the mean of what the criterion gave.
    """
    if main.reduction != "none" or not recording.optimised:
        return False
    curve = recording.optimised[0]
    optimised = dict(zip(curve.steps.tolist(), curve.values.tolist()))
    same = [c for c in recording.calls if c.series == main.series and c.result is not None]
    steps = Counter(c.step for c in same)
    pairs = [
        (c.result.mean, optimised[c.step])
        for c in same
        if c.result is not None and steps[c.step] == 1 and c.step in optimised
    ]
    return bool(pairs) and all(math.isclose(mean, value, rel_tol=1e-4) or mean != mean for mean, value in pairs)


def is_squared_error(recording: Recording, call: CriterionCall, scaled: bool = False) -> bool:
    """Whether a loss written as a formula is the mean of squared differences, by the head of its autograd graph.

    ``scaled`` admits a constant factor, as in ``((p - y) ** 2 / 2).mean()``.
    """
    if call.name != "expression":
        return False
    backward = next((b for b in recording.all(Backward) if b.tick >= call.tick - 2 and b.step == call.step), None)
    head = list(backward.head) if backward is not None else []
    if scaled and len(head) > 3 and head[1] in ("Div", "Mul"):
        del head[1]
    return (
        len(head) >= 3 and head[0] == "Mean" and head[1] in ("Pow", "Square", "Mul") and head[2] in ("Sub", "Squeeze")
    )
