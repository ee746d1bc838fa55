"""The loss goes up instead of down."""

from __future__ import annotations

import numpy as np

from flatline.record.chance import chance_level, optimises_main
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "rising-loss"
# A model that knows nothing has the chance loss; twice that takes confident wrong answers. For losses without a
# known chance level the first steps stand for it, and batches differ among themselves by less than this factor in
# a mean over several.
FACTOR = 2.0
# The mean over five batches has less than half the spread of one.
WINDOW = 5


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    chance = chance_level(recording)
    for curve in recording.optimised:
        values = curve.values
        finite = np.isfinite(values)
        if len(values) < 2 or not finite[0] or values[0] <= 0:
            continue
        upto = len(values) if finite.all() else int(np.argmin(finite))
        values = values[:upto]
        window = min(WINDOW, max(1, len(values) // 4))
        if len(values) < 2 * window:
            continue
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        if chance is not None and chance.value > 0 and optimises_main(recording, curve):
            base = max(float(values[0]), chance.value)
        else:
            base = max(float(smooth[0]), float(values[0]))
        later = smooth[1:]
        if len(later) == 0:
            continue
        worst = int(np.argmax(later)) + 1
        # How far batches differ among themselves; the quieter end, for a rise at once is in the spread of the first.
        spread = min(float(np.std(values[:window])), float(np.std(values[-window:]))) if window > 1 else 0.0
        if smooth[worst] > FACTOR * base and smooth[worst] > base + 6 * spread / np.sqrt(window):
            step = int(curve.steps[min(worst + window - 1, len(values) - 1)])
            text = f"{curve.called} rises from {base:.4g} to {smooth[worst]:.4g}"
            found.append(Symptom(NAME, step, float(smooth[worst]), text, curve=curve))
    return found
