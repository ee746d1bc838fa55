"""The loss is NaN or infinite."""

from __future__ import annotations

import numpy as np

from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "non-finite-loss"


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    for curve in recording.optimised:
        bad = ~np.isfinite(curve.values)
        if bad.any():
            first = int(np.argmax(bad))
            text = (
                f"{curve.called} is {curve.values[first]} first at step {curve.steps[first]}, "
                f"in {int(bad.sum())} of {len(bad)} {curve.counted}"
            )
            found.append(Symptom(NAME, int(curve.steps[first]), float(curve.values[first]), text, curve=curve))
    return found
