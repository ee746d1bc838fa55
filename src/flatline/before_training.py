"""What a verdict says of a program that was stopped before its first update: one loss, no curve, and the checks."""

from __future__ import annotations

from flatline.causes.base import Decision, Found, Level
from flatline.observe.events import Checked
from flatline.record.chance import main_call
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

# What can be seen of one loss alone, before any update.
BEFORE_TRAINING = ("zero-loss", "near-zero-loss", "non-finite-loss", "too-good")
# What two of the checks ask is what two of the causes decide from the rows that were kept.
_BY_CAUSE = {"label-in-input": "labels not among inputs", "duplicate-data": "rows not repeated"}


def limited(decision: Decision | None, limit: Level) -> Decision | None:
    """A decision that was made before training, at most at the level that its cause allows then."""
    if isinstance(decision, Found) and decision.level.rank < limit.rank:
        decision.level, decision.confidence = limit, min(decision.confidence, 0.5)
    return decision


def first_sight(recording: Recording, symptoms: list[Symptom]) -> str:
    """What is to be seen of a program that was stopped before its first update, and where that is."""
    stopped = recording.stopped
    assert stopped is not None
    line = recording.line(stopped.place)
    where = f" ({line.file.rsplit('/', 1)[-1]}:{line.line})" if line is not None else ""
    when = (
        f"After the first update{where}, which makes new tensors,"
        if stopped.after
        else f"Before the first update{where}"
    )
    curve = recording.optimised[0] if recording.optimised else None
    if curve is None:
        return f"{when} no backward was seen."
    worst = next((s for s in symptoms if s.name in ("non-finite-loss", "zero-loss")), None)
    value = float(curve.values[0]) if worst is None else worst.value
    main = main_call(recording)
    own = main.value if main is not None else None
    # A scaled or divided loss is a number that nobody knows.
    part = (
        f" ({main.name}: {own:.4g})"
        if main is not None and own is not None and abs(own - value) > 1e-3 * abs(own)
        else ""
    )
    return f"{when} the loss is {value:.4g}{part}."


def checks(
    recording: Recording, found: list[tuple[str, Found]], ruled_out: dict[str, str]
) -> list[tuple[str, str, str]]:
    """The checks as they are shown: name, outcome, and what was measured or why it was not."""
    items = [(c.name, c.outcome, c.text) for c in recording.all(Checked)]
    if recording.stopped is None:
        return items
    for cause, check in _BY_CAUSE.items():
        decision = next((d for name, d in found if name == cause), None)
        if decision is not None:
            said = f"{decision.evidence[0].text}: {decision.evidence[0].measured}" if decision.evidence else cause
            sure = decision.level is not Level.POSSIBLE
            items.append((check, "failed", said) if sure else (check, "undone", f"perhaps they are: {said}"))
        elif cause in ruled_out:
            items.append((check, "passed", ruled_out[cause]))
        else:
            items.append((check, "undone", "inputs and targets were not seen as rows of a table that line up"))
    return items
