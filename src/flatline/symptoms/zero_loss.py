"""The loss is exactly zero, as a tensor or as printed."""

from __future__ import annotations

import numpy as np

from flatline.record.printed import printed_losses
from flatline.record.quoting import quoted
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "zero-loss"
# One zero among many can be a batch without targets; half of all batches, or the last three in a row, cannot be
# overlooked by a person who reads the log.
LAST = 3
SHARE = 0.5


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    for curve in recording.optimised:
        zeros = curve.values == 0
        tail = len(zeros) if zeros.all() else int(np.argmin(zeros[::-1]))
        if tail >= min(len(zeros), LAST) or zeros.mean() >= SHARE:
            first = len(zeros) - tail if tail >= min(len(zeros), LAST) else int(np.argmax(zeros))
            text = f"{curve.called} is exactly 0 in {int(zeros.sum())} of {len(zeros)} {curve.counted}"
            found.append(Symptom(NAME, int(curve.steps[first]), 0.0, text, curve=curve))
    if found:
        return found
    for printed in printed_losses(recording):
        values = [n.value for n in printed.numbers]
        if not printed.evaluation and values[-1] == 0 and (len(values) < 2 or values[-2] == 0 or len(values) == 2):
            first = next(i for i in range(len(values)) if all(v == 0 for v in values[i:]))
            number = printed.numbers[first]
            text = f"the program prints its loss as 0 ({quoted(recording, number)})"
            found.append(Symptom(NAME, number.step, 0.0, text))
            break
    return found
