"""What every form of the report says in the same words: how a verdict stands, what was seen, what the causes are called."""

from __future__ import annotations

import msgspec

from flatline.causes.base import catalogue
from flatline.report.visible import visible
from flatline.verdict import Verdict


def harmless(verdict: Verdict) -> Verdict:
    """The same verdict with control characters as escapes, wherever text of the program stands in it."""
    return msgspec.convert(visible(msgspec.to_builtins(verdict)), Verdict)


def titles() -> dict[str, str]:
    """What each cause states, by its name."""
    return {name: cause.title for name, cause in catalogue().items()}


def sentences(summary: str) -> tuple[str, str]:
    """The summary as what was seen, and what follows from it.

    >>> sentences("The loss is 0 in 3 of 3 steps. Likely cause: one class (train.py:3). Also: no-signal.")
    ('The loss is 0 in 3 of 3 steps.', 'Likely cause: one class (train.py:3). Also: no-signal.')
    >>> sentences("Nothing was seen.")
    ('Nothing was seen.', '')
    """
    for opening in (
        "Proven cause: ",
        "Likely cause: ",
        "This is expected: ",
        "None of the ",
        "No fault was found.",
        "A log cannot say why: ",
    ):
        at = summary.find(opening)
        if at > 0:
            return summary[:at].rstrip(), summary[at:]
    return summary, ""


def standing(verdict: Verdict) -> tuple[str, str]:
    """The verdict in two words, and the class of its look."""
    if verdict.log is not None:
        # A log cannot show that a training is healthy, only that nothing is wrong with what it shows.
        if not any(series.what.endswith("loss") for series in verdict.log.series):
            return "nothing to judge", "unexplained"
        if not verdict.healthy:
            return "fault seen, cause open", "unexplained"
        return ("something seen", "unexplained") if verdict.symptoms else ("nothing wrong in this log", "healthy")
    if verdict.faults:
        return "fault found", "fault"
    if not verdict.healthy:
        return "unexplained", "unexplained"
    if not verdict.run.steps:
        return "nothing to judge", "unexplained"
    # A training that was cut short may not have come to its fault.
    return ("healthy", "healthy") if verdict.run.ended is None else ("no fault seen", "unexplained")
