"""The symptoms of a log: those of a run, less what rounding makes of them, and what only a log hides."""

from __future__ import annotations

import math

import numpy as np

from flatline.causes.case import number
from flatline.logs.base import Log, Series
from flatline.logs.onset import ROSE, UNITS
from flatline.logs.recording import shown_losses
from flatline.logs.roles import Role
from flatline.record.recording import Recording
from flatline.symptoms.base import PROMINENCE, Symptom, find_all

# Three significant digits: losses of batches differ by a percent and more, so that equal thirds of a percent are no
# accident, while equal whole percents may be.
LEAST_DIGITS = 5e-3
LEAST_ENTRIES = 10
LEAST_RATES = 3
# McFadden's tenth, as for the symptom of a run (symptoms/chance_plateau.py).
LEARNED = 0.1
# A chance level that is hit by accident less often than this.
ACCIDENT = 0.05


def symptoms_of(log: Log, recording: Recording) -> list[Symptom]:
    """What a person would see in the log, the most prominent first."""
    losses = shown_losses(log)
    if not losses:
        return []
    found = [kept for symptom in find_all(recording) if (kept := _as_rounded(symptom, losses)) is not None]
    if not any(s.name in ("zero-loss", "non-finite-loss") for s in found):
        found += _evaluation_not_finite(log)
    hidden = [hidden for symptom in found if (hidden := _hidden(symptom, log, losses)) is not None]
    if not any(s.name in ("zero-loss", "non-finite-loss", "rising-loss") for s in found):
        found += _never_back(losses[0])
    if not any(s.name in ("zero-loss", "non-finite-loss") for s in found):
        found += _rate_zero(log)
    if not found:
        found = _plateau(losses[0])
    # A zero is also constant: what says more says it.
    named = {symptom.name for symptom in found}
    if "non-finite-loss" in named or hidden:
        found = [s for s in found if s.name != "rising-loss" or s.curve is None]
    found = hidden + found
    return sorted(found, key=lambda s: (PROMINENCE.index(s.name), s.first_step))


def _series(symptom: Symptom, losses: list[Series]) -> Series:
    name = symptom.curve.name if symptom.curve is not None else ""
    return next((s for s in losses if s.name.text == name), losses[0])


def _as_rounded(symptom: Symptom, losses: list[Series]) -> Symptom | None:
    """The symptom as the digits of the log allow it; None when they do not."""
    series = _series(symptom, losses)
    unit = series.resolution
    if symptom.name == "rising-loss":
        # The detector speaks of the mean over its first steps; a person looks at the first entry.
        symptom.text = f"the logged {series.name.text} rises from {number(series.values[0])} to {number(symptom.value)}"
    elif symptom.name == "constant-loss":
        symptom.text = symptom.text.replace("at every step", "in every entry").replace(
            "steps, once an epoch", "entries"
        )
    if unit == 0:
        return symptom
    if symptom.name == "constant-loss":
        return symptom if abs(symptom.value) * LEAST_DIGITS >= unit else None
    if symptom.name == "zero-loss":
        values = np.array(series.values)
        first = int(np.argmax(values == 0))
        if first > 0 and math.isfinite(values[first - 1]) and abs(values[first - 1]) <= UNITS * unit:
            text = f"the logged {series.name.text} comes down to {number(float(values[first - 1]))}, and then to less than its digits show"
            return Symptom("near-zero-loss", symptom.first_step, 0.0, text, curve=symptom.curve)
    return symptom


def _hidden(symptom: Symptom, log: Log, losses: list[Series]) -> Symptom | None:
    """A loss logged as 0 beside a norm of the gradients, or an evaluation, that is NaN.

    The Hugging Face Trainer leaves NaN and infinities out of the mean that it logs (``logging_nan_inf_filter``): when
    all are, it logs 0.
    """
    if symptom.name != "zero-loss":
        return None
    series = _series(symptom, losses)
    zeros = {step for step, value in zip(series.steps, series.values) if value == 0}
    for other in log.series.values():
        if other.name.role is Role.GRADIENT_NORM or (other.name.role is Role.LOSS and other.name.evaluation):
            beside = [value for step, value in zip(other.steps, other.values) if step in zeros]
            bad = [value for value in beside if not math.isfinite(value)]
            if bad and len(bad) >= len(beside) / 2:
                text = (
                    f"the logged {series.name.text} is 0 where {other.name.text} is {bad[0]}, in {len(bad)} of "
                    f"{len(beside)} entries: NaN or infinity, logged as 0"
                )
                return Symptom("non-finite-loss", symptom.first_step, bad[0], text, curve=symptom.curve)
    return None


def _evaluation_not_finite(log: Log) -> list[Symptom]:
    """Training is fine as far as it is logged, and what is evaluated is not."""
    for series in log.series.values():
        if series.name.role is Role.LOSS and series.name.evaluation and not series.name.part:
            values = np.array(series.values)
            bad = ~np.isfinite(values)
            if bad.any():
                first = int(np.argmax(bad))
                text = f"the logged {series.name.text} is {values[first]} first at step {series.steps[first]}, in {int(bad.sum())} of {len(bad)} entries"
                return [Symptom("non-finite-loss", series.steps[first], float(values[first]), text)]
    return []


def _never_back(series: Series) -> list[Symptom]:
    """The loss leaps up behind the first entry and stays there: that needs no first steps to compare with.

    Of so many entries that do not differ but by chance, the first is the least in one of as many.
    """
    values = np.array(series.values)
    if len(values) < LEAST_ENTRIES or not np.isfinite(values).all() or values[0] <= 0:
        return []
    if values[1:].min() <= ROSE * values[0]:
        return []
    text = f"the logged {series.name.text} leaps from {number(float(values[0]))} to {number(float(values[1]))} and never comes back near it"
    return [Symptom("rising-loss", series.steps[1], float(values[1:].max()), text)]


def _rate_zero(log: Log) -> list[Symptom]:
    """The learning rate is 0 wherever it is logged. A warm-up from 0 has other entries; a rounded one may not be 0."""
    rates = [s for s in log.series.values() if s.name.role is Role.LEARNING_RATE and len(s)]
    if not rates or any(value != 0 or s.resolution for s in rates for value in s.values) or len(rates[0]) < LEAST_RATES:
        return []
    text = f"the logged {rates[0].name.text} is 0 in all of {len(rates[0])} entries, so the optimizer moves no weight"
    return [Symptom("nothing-moves", rates[0].steps[0], 0.0, text)]


def _plateau(series: Series) -> list[Symptom]:
    """The loss stays at ln C for a small number of classes C: where a model that ignores its inputs is.

    Only what can hardly be an accident counts: with a standard error s of the mean, some ln C lies within 2s of any
    number near ln C with probability 4sC, for neighbours are 1/C apart.
    """
    values = np.array(series.values)
    if len(values) < 6 or not np.isfinite(values).all() or values.min() <= 0:
        return []
    tail = values[len(values) // 2 :]
    mean, first = float(tail.mean()), float(values[: max(1, len(values) // 10)].mean())
    error = max(float(tail.std()) / math.sqrt(len(tail)), series.resolution)
    # Beyond a thousand classes no log is exact enough; exp of a large loss would overflow.
    classes = round(math.exp(min(mean, 8.0)))
    near = abs(mean - math.log(max(classes, 1))) <= 2 * error
    if classes < 2 or not near or 4 * error * classes > ACCIDENT or abs(first - mean) > LEARNED * mean:
        return []
    text = f"the logged {series.name.text} stays at {mean:.4g}, and ln {classes}, where a guess among {classes} equal classes is, is {math.log(classes):.4g}"
    return [Symptom("chance-plateau", series.steps[-1], mean, text)]
