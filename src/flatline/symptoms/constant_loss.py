"""The loss is the same number again and again."""

from __future__ import annotations

import numpy as np

from flatline.record.recording import Curve, Floats, Recording
from flatline.symptoms.base import Symptom, training_epochs

NAME = "constant-loss"


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    for curve in recording.optimised:
        values = curve.values
        if len(values) < 3 or not np.all(np.isfinite(values)) or np.all(values == 0):
            continue
        period = _period(recording, curve)
        if period is None:
            continue
        if period == 1:
            text = f"{curve.called} is the same at every step ({values[-1]:.6g})"
        elif np.all(values[period:] == values[-1]):
            text = f"{curve.called} is the same at every step after the first epoch ({values[-1]:.6g})"
        else:
            text = f"{curve.called} repeats exactly every {period} steps, once an epoch (last {values[-1]:.6g})"
        found.append(Symptom(NAME, int(curve.steps[0]), float(values[-1]), text, curve=curve))
    return found


def _period(recording: Recording, curve: Curve) -> int | None:
    """After how many steps the values repeat exactly, from the first or the second epoch on; None when never."""
    values = curve.values
    lengths = [last - first for first, last in training_epochs(recording)]
    if len(values):
        # Without loaders: the distance after which the last value was seen before.
        again = np.flatnonzero(values[:-1] == values[-1])
        lengths += (
            [len(values) - 1 - int(again[-1])]
            if len(again) and len(values) >= 3 * (len(values) - 1 - again[-1])
            else []
        )
    for period in dict.fromkeys([1, *lengths]):
        if period >= 1 and len(values) >= 2 * period and len(values) >= 3:
            if _repeats(values, period):
                return int(period)
    return None


def _repeats(values: Floats, period: int) -> bool:
    rest = values
    if len(values) >= 3 * period and period > 1:
        rest = values[period:]
    return bool(np.array_equal(rest[period:], rest[:-period]))
