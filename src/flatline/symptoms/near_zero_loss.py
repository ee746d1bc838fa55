"""The loss is not zero but would print as 0.0000."""

from __future__ import annotations

import numpy as np

from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "near-zero-loss"
# Half a unit of the fourth decimal, the conventional number of decimals of a printed loss.
THRESHOLD = 5e-5


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    for curve in recording.optimised:
        tail = curve.values[-max(1, len(curve) // 10) :]
        level = float(np.mean(np.abs(tail)))
        if not 0 < level < THRESHOLD:
            continue
        small = np.abs(curve.values) < THRESHOLD
        first = int(np.argmax(small))
        text = f"{curve.called} is down to {level:.2g}, which four decimals print as 0.0000"
        found.append(Symptom(NAME, int(curve.steps[first]), level, text, curve=curve))
    return found
