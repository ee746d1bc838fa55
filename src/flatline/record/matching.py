"""Which quantity of the run a printed loss is: the last batch's, a mean, a sum, a running mean, or none of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flatline.record.printed import Number, PrintedLoss
from flatline.record.recording import Curve, Floats, Recording

# A bound on time: half from the beginning and half from the end tell every window apart.
MOST_NUMBERS = 120
# A quantity explains a series of prints when it lies within the printed rounding in nearly all of them; one in ten
# is left for a first or last window that the program counts differently.
SHARE = 0.9
# Values are float32 as a rule: sums of n of them in another order differ by a few units of 2^-24, relative.
RELATIVE = 2e-5
# Half a unit of the fourth decimal, the conventional number of decimals of a printed loss.
VISIBLE = 5e-5
# How many values the printed numbers can tell apart. Some eighty mistakes are tried: a single "0.35" fits one of them
# by accident in one program of fourteen (measured), a single "0.351" in none of 300.
LEAST_PRECISION = 300.0

REPAIRED = (
    "the mean in which each NaN or infinite loss is replaced by the mean before it: 0 where all are "
    "(logging_nan_inf_filter, which the Trainer of transformers has on)"
)
_FLOOR = "the mean rounded down to a whole number"


@dataclass
class Match:
    """How a printed series relates to what was computed.

    ``agrees`` is True when some ordinary quantity explains it, False when it differs in a way that is understood
    (``factor`` names the constant, ``ratio`` is printed over true), None when nothing explains it.
    ``true`` holds the mean loss that belongs to each printed number.
    """

    printed: PrintedLoss
    agrees: bool | None
    quantity: str
    curve: Curve | None
    true: list[float]
    ratio: float | None = None
    factor: str = ""

    @property
    def shown(self) -> list[float]:
        return [n.value for n in self.printed.numbers]


@dataclass
class _Window:
    """Values of one curve that belong to one printed number: since the previous print, and all so far."""

    number: Number
    since: Floats
    sizes: Floats
    all: Floats


def match(printed: PrintedLoss, recording: Recording) -> Match:
    """Explains a printed series by the recorded curves.

    Training labels are compared with what was optimised and with the criteria called with gradients; labels that
    say validation or test with those called without. A bare "loss" may be either.
    """
    if printed.evaluation:
        groups = [recording.evaluations, recording.criteria]
    else:
        groups = [recording.optimised, recording.criteria, recording.evaluations]
    numbers = _chosen(printed.numbers)
    best: Match | None = None
    for group in groups:
        for curve in group:
            windows = list(_windows(curve, numbers))
            if not any(len(w.since) for w in windows):
                continue
            true = [float(np.mean(w.since)) if len(w.since) else math.nan for w in windows]
            for quantity, compute in _quantities(curve):
                if _explains(windows, compute):
                    return Match(printed, True, quantity, curve, true)
            if best is None or best.agrees is None:
                found = _wrong_factor(printed, curve, windows, true, recording)
                if found is not None and (best is None or best.agrees is None):
                    best = found
    return best or Match(printed, None, "", None, [])


def _chosen(numbers: list[Number]) -> list[Number]:
    if len(numbers) <= MOST_NUMBERS:
        return numbers
    return numbers[: MOST_NUMBERS // 2] + numbers[-MOST_NUMBERS // 2 :]


def _windows(curve: Curve, numbers: list[Number]) -> Iterator[_Window]:
    previous = 0
    for number in numbers:
        end = int(np.searchsorted(curve.ticks, number.tick))
        yield _Window(number, curve.values[previous:end], curve.sizes[previous:end].astype(float), curve.values[:end])
        previous = end


Compute = Callable[[_Window], float]


def _quantities(curve: Curve) -> Iterator[tuple[str, Compute]]:
    """The ordinary things a program prints as its loss, most common first."""
    yield "the last batch's loss", lambda w: float(w.since[-1])
    yield "the mean since the last print", lambda w: float(np.mean(w.since))
    yield "the mean weighted by batch size", lambda w: float(np.average(w.since, weights=w.sizes))
    yield "the sum since the last print", lambda w: float(np.sum(w.since))
    yield "the sum weighted by batch size", lambda w: float(np.sum(w.since * w.sizes))
    if curve.reduction == "sum":
        yield "the sum over samples divided by their number", lambda w: float(np.sum(w.since) / np.sum(w.sizes))
        yield "the last batch's sum per sample", lambda w: float(w.since[-1] / w.sizes[-1])
    yield "the mean since the start", lambda w: float(np.mean(w.all))
    yield "the sum since the start", lambda w: float(np.sum(w.all))
    yield "the first batch's loss", lambda w: float(w.since[0])
    yield "the root of the mean", lambda w: math.sqrt(max(float(np.mean(w.since)), 0.0))
    yield "the root of the last batch's loss", lambda w: math.sqrt(max(float(w.since[-1]), 0.0))
    yield "minus the last batch's loss", lambda w: -float(w.since[-1])
    yield "minus the mean", lambda w: -float(np.mean(w.since))
    yield "the least so far", lambda w: float(np.min(w.all))
    yield "the median since the last print", lambda w: float(np.median(w.since))
    for last in (5, 10, 20, 25, 50, 100, 200, 500, 1000):
        yield f"the mean of the last {last}", lambda w, k=last: float(np.mean(w.all[-k:]))  # type: ignore[misc]
    for decay in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999):
        yield (
            f"a moving average with decay {decay}",
            lambda w, d=decay: _moving_average(w.all, d),  # type: ignore[misc]
        )
    for accumulation in (2, 3, 4, 5, 8, 10, 16, 32):
        yield (
            f"the loss before its division by {accumulation}",
            lambda w, a=accumulation: float(np.mean(w.since)) * a,  # type: ignore[misc]
        )
        yield (
            f"the last loss before its division by {accumulation}",
            lambda w, a=accumulation: float(w.since[-1]) * a,  # type: ignore[misc]
        )


def _moving_average(values: Floats, decay: float) -> float:
    values = values[-4000:]
    average = float(values[0])
    for value in values[1:]:
        average = decay * average + (1 - decay) * float(value)
    return average


def _explains(windows: list[_Window], compute: Compute) -> bool:
    usable = [w for w in windows if len(w.since)]
    good = 0
    for window in usable:
        value = compute(window)
        shown = window.number.value
        if math.isnan(shown) or math.isnan(value):
            good += math.isnan(shown) and math.isnan(value)
        elif math.isinf(shown) or math.isinf(value):
            good += shown == value
        else:
            good += abs(value - shown) <= window.number.resolution * 1.001 + RELATIVE * abs(value)
    return bool(usable) and good >= SHARE * len(usable)


def _wrong_factor(
    printed: PrintedLoss, curve: Curve, windows: list[_Window], true: list[float], recording: Recording
) -> Match | None:
    """A constant that turns the true quantity into the printed one: 0, 1/batches, 1/samples, a lost part …"""
    usable = [w for w in windows if len(w.since) and np.all(np.isfinite(w.since))]
    if len(usable) < sum(len(w.since) > 0 for w in windows) and _explains(windows, _repaired):
        return Match(printed, False, REPAIRED, curve, true, 0.0, "non-finite")
    if not usable:
        if all(w.number.value == 0 for w in windows) and any(np.any(~np.isfinite(w.since)) for w in windows):
            return Match(printed, False, "0 in place of a non-finite loss", curve, true, 0.0, "non-finite")
        return None
    # Printed 0 throughout: beyond the rounding at least once, and everywhere a loss that four decimals would show.
    means = [abs(float(np.mean(w.since))) for w in usable]
    if (
        all(w.number.value == 0 for w in usable)
        and all(m > VISIBLE for m in means)
        and any(m > w.number.resolution for m, w in zip(means, usable))
    ):
        return Match(printed, False, "0", curve, true, 0.0, "zero")
    # Printed with decimals, and always whole: a mean that was rounded down on the way, as by // in place of /.
    whole = [w for w in usable if w.number.resolution < 0.5 and w.number.value == math.floor(float(np.mean(w.since)))]
    different = {w.number.value for w in whole}
    if (
        len(whole) == len(usable) >= 3
        and len(different) > 1
        and all(not float(np.mean(w.since)).is_integer() for w in usable)
    ):
        return Match(printed, False, _FLOOR, curve, true, None, _FLOOR)
    precision = math.prod(max(1.0, abs(w.number.value) / (2 * w.number.resolution or 1)) for w in usable)
    if precision < LEAST_PRECISION:
        return None
    for name, compute in _mistakes(recording):
        if _explains(usable, compute) and any(w.number.value != 0 for w in usable):
            ratios = [w.number.value / np.mean(w.since) for w in usable if np.mean(w.since) != 0]
            return Match(printed, False, name, curve, true, float(np.median(ratios)) if ratios else None, name)
    return None


def _repaired(window: _Window) -> float:
    """``Trainer._inner_training_loop`` of transformers: a NaN or infinite loss adds the mean of those before it."""
    total = 0.0
    for count, value in enumerate(window.since):
        total += float(value) if math.isfinite(value) else total / (1 + count)
    return total / len(window.since)


def _mistakes(recording: Recording) -> Iterator[tuple[str, Compute]]:
    """Known ways in which a mean goes wrong, from the threads behind ``reporting-bug``."""
    yield "the last batch's loss divided by the number of batches", lambda w: _over(w.since[-1], len(w.since))
    yield "the mean divided once more by the number of batches", lambda w: _over(np.mean(w.since), len(w.since))
    yield "the sum of mean losses divided by the number of samples", lambda w: _over(np.sum(w.since), np.sum(w.sizes))
    yield "the mean divided by the batch size", lambda w: _over(np.mean(w.since), np.max(w.sizes))
    yield "the last batch's loss divided by the batch size", lambda w: _over(w.since[-1], np.max(w.sizes))
    yield "the last batch's loss divided by the number of samples", lambda w: _over(w.since[-1], np.sum(w.sizes))
    yield "the mean divided by the number of samples", lambda w: _over(np.mean(w.since), np.sum(w.sizes))
    yield "the sum since the start divided by one epoch's batches", lambda w: _over(np.sum(w.all), len(w.since))
    yield "the running sum divided by the number of batches after every batch", lambda w: _divided_each_time(w.since)
    for divisor in (2, 4, 8, 10, 16, 32, 64, 100, 1000):
        yield (
            f"the mean divided by {divisor}",
            lambda w, d=divisor: float(np.mean(w.since)) / d,  # type: ignore[misc]
        )
        yield (
            f"the last batch's loss divided by {divisor}",
            lambda w, d=divisor: float(w.since[-1]) / d,  # type: ignore[misc]
        )
    for kept in range(2, 51):
        yield (
            f"the sum of the last {kept} batches divided by the number of all",
            lambda w, k=kept: (
                float(np.sum(w.since[-k:])) / len(w.since)  # type: ignore[misc]
                if len(w.since) > k
                else math.nan
            ),
        )


def _divided_each_time(values: Floats) -> float:
    total = 0.0
    for value in values:
        total = (total + float(value)) / len(values)
    return total if len(values) > 1 else math.nan


def _over(value: float | np.floating[Any], divisor: float | np.floating[Any]) -> float:
    # With a divisor of one the mistake makes no difference and explains nothing.
    return float(value) / float(divisor) if divisor > 1 else math.nan
