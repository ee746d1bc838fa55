"""The loss stays where a model that ignores its inputs would be: 0.693, ln C, the variance of the targets."""

from __future__ import annotations

import numpy as np

from flatline.record.chance import chance_level, optimises_main
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "chance-plateau"
# McFadden calls a share of 0.2 to 0.4 of the chance log-loss explained an excellent fit (Behavioural Travel
# Modelling, 1979, p. 307); under half of the lower end nothing to speak of has been learned.
EXPLAINED = 0.1
# Above chance by more than this share it is not a plateau at chance but a rise, or a start that has yet to settle.
ABOVE = 0.25


def detect(recording: Recording) -> list[Symptom]:
    chance = chance_level(recording)
    if chance is None or chance.value <= 0:
        return []
    for curve in recording.optimised:
        if not optimises_main(recording, curve) or not np.all(np.isfinite(curve.values)):
            continue
        tail = float(np.mean(curve.values[-max(1, len(curve) // 10) :]))
        explained = 1 - tail / chance.value
        if -ABOVE < explained < EXPLAINED:
            text = f"the optimised loss ends at {tail:.4g}, and {chance.what} is {chance.value:.4g}"
            return [Symptom(NAME, int(curve.steps[-1]), tail, text, curve=curve)]
    return []
