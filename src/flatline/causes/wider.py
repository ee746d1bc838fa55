"""Whether numbers that were lost are back when the program computes in a wider type."""

from __future__ import annotations

import numpy as np

from flatline.causes.case import Case
from flatline.causes.judging import finite, last, loss
from flatline.causes.non_finite import HALF, first_bad_step
from flatline.observe.events import HalfOverflow, NonFinite

# A loss that grew tenfold is the learning rate's doing (see that cause).
GROWTH = 10.0


def lost(case: Case) -> bool:
    return case.has("non-finite-loss", "zero-loss", "nothing-moves") or first_bad_step(case) is not None or case.stuck


def recovers(control: Case, trial: Case) -> bool:
    """Finite, moving, and no larger than at the start: a loss that merely takes longer to overflow does not count."""
    if not finite(trial) or not trial.moves or first_bad_step(trial) is not None:
        return False
    values = np.abs(loss(trial))
    sane = float(values.max()) <= GROWTH * max(float(values[0]), trial.chance.value if trial.chance else 0.0)
    if control.has("non-finite-loss") or first_bad_step(control) is not None:
        return sane and not trial.has("zero-loss")
    # Zero, or at rest, in the narrow type: in the wide one the loss must be seen to fall.
    return sane and bool(values[0] > 0) and last(trial) < 0.8 * float(values[0])


def halves(case: Case) -> bool:
    recording = case.recording
    kinds = {p.dtype for p in recording.parameters.values()} | {n.dtype for n in recording.all(NonFinite)}
    kinds |= {c.input.dtype for c in case.calls if c.input is not None} | {h.dtype for h in recording.all(HalfOverflow)}
    return bool(kinds & set(HALF))
