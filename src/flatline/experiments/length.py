"""How many steps a trial needs to show what the recorded run showed."""

from __future__ import annotations

from flatline.record.recording import Recording
from flatline.symptoms.base import find_all

# What these say of the first steps stays true of a longer run. The others (a plateau, a fit too good, a printed
# number) are said of the whole run, and are shown again by the whole run only.
_EARLY = {"zero-loss", "non-finite-loss", "rising-loss", "nothing-moves", "constant-loss"}
# A trial must not only delay the symptom: at a tenth of the learning rate, ten times the steps go as far.
MARGIN = 10
FEWEST = 20


def steps_needed(recording: Recording) -> int | None:
    """Steps after which the symptoms of a run are there for good, with a margin; None when it takes the whole run."""
    names = {s.name for s in find_all(recording)}
    if not names or not names <= _EARLY:
        return None
    enough = recording.steps
    # From the end: a length counts when the symptoms are there at it and at every greater one that was looked at.
    length = recording.steps
    while length > 1:
        length = max(1, length // 2)
        if not names <= {s.name for s in find_all(recording.until(length))}:
            break
        enough = length
    needed = max(MARGIN * enough, FEWEST)
    return needed if needed < recording.steps else None
