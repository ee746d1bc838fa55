"""Whether a changed program is cured: what its run must show beside that of the untouched one."""

from __future__ import annotations

from flatline.experiments.judging import main_symptom, names, usable
from flatline.experiments.runs import Run
from flatline.verdict import Verdict

# What a cure must not bring, when it was not there before.
HARMFUL = {
    "zero-loss",
    "non-finite-loss",
    "constant-loss",
    "nothing-moves",
    "empty-epoch",
    "rising-loss",
    "chance-plateau",
    "reported-differs",
}


def not_cured(cause: str, control: Run, before: Verdict, trial: Run, after: Verdict | None) -> str:
    """Why a change is no cure for ``cause``, in words; empty when it is one.

    Args:
        cause: what the change is to cure.
        control: the run of the program before the change.
        before: its verdict.
        trial: the run of the changed program.
        after: its verdict; None when it left no record.
    """
    if control.case is None:
        return "the program before it left no record"
    reason = usable(trial, control.case)
    if reason or trial.case is None or after is None:
        return reason or "it left no record"
    if trial.result.status is not control.result.status:
        # As with sys.exit: no exception tells the two apart.
        return f"the trial {trial.result.status.value}: {trial.result.message}"
    old, new = {c.name for c in before.faults}, {c.name for c in after.faults}
    if cause in new:
        return "the same fault is found again"
    if new - old:
        return f"another fault is found then: {', '.join(sorted(new - old))}"
    brought = (names(trial.case) - names(control.case)) & HARMFUL
    if after.healthy and after.expected:
        # A cured program may fit its data to the last: that zero has an explanation.
        brought -= {"zero-loss"}
    if brought:
        return f"it brings another sign of trouble: {', '.join(sorted(brought))}"
    seen = main_symptom(names(control.case))
    if seen in names(trial.case) and seen in HARMFUL and not new:
        return f"{seen} is still there"
    if not trial.case.recording.backwards:
        return "it does not train any more"
    if not after.healthy and not new:
        return "what it shows then has no explanation"
    return ""
