"""The loss is almost nothing before the model can have seen the data twice."""

from __future__ import annotations

import numpy as np

from flatline.record.chance import chance_level, optimises_main
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom, training_epochs

NAME = "too-good"
# Under a hundredth of the chance loss the model assigns the right answer odds beyond 99 to 1 on average.
SHARE = 0.01


def detect(recording: Recording) -> list[Symptom]:
    chance = chance_level(recording)
    if chance is None or chance.value <= 0:
        return []
    epochs = training_epochs(recording)
    for curve in recording.optimised:
        if not optimises_main(recording, curve) or len(curve) == 0:
            continue
        upto = epochs[0][1] if epochs else 1
        first_pass = curve.values[curve.steps < max(upto, 1)]
        low = np.flatnonzero(np.abs(first_pass) < SHARE * chance.value)
        if len(low) and np.all(np.abs(first_pass[low[0] :]) < 10 * SHARE * chance.value):
            step = int(curve.steps[low[0]])
            value = float(first_pass[low[0]])
            text = f"the loss is {value:.2g} at step {step}, in the first pass over the data ({chance.what}: {chance.value:.3g})"
            return [Symptom(NAME, step, value, text, curve=curve)]
    return []
