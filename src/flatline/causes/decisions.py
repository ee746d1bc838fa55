"""What all causes say of one run."""

from __future__ import annotations

from flatline.causes.base import Cause, Decision, Untested
from flatline.causes.case import Case


def decide_all(case: Case, known: dict[str, Cause]) -> tuple[dict[str, list[Decision]], list[str]]:
    """Asks every cause of ``known``. Its decisions by name (none where it has no bearing), and what went wrong."""
    decided: dict[str, list[Decision]] = {}
    failures: list[str] = []
    unseen = _unseen(case)
    for name, cause in known.items():
        try:
            decisions = cause.decide(case)
        except Exception as error:
            # One broken decision must not cost the user the others.
            failures.append(f"cause {name}: {type(error).__name__}: {error}")
            decisions = Untested("its decision failed")
        if decisions is None and unseen:
            decisions = Untested(unseen)
        if decisions is not None:
            decided[name] = decisions if isinstance(decisions, list) else [decisions]
    return decided, failures


def _unseen(case: Case) -> str:
    """Why the inside of a step could not be looked at; empty where it could."""
    version, _, backend = case.recording.run.versions.get("keras", "").partition(" on ")
    if backend in ("", "torch"):
        return ""
    return f"Keras {version} trains with {backend}: gradients, activations and weights are not seen there"
