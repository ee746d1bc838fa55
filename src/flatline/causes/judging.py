"""How a trial is judged beside its control: what the causes share when they say what follows from an experiment.

Control and trial draw the same random numbers, so they are compared step by step; no test over seeds is needed where the
change is the only difference. What a threshold here allows for is the noise of batches within one run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from flatline.causes.base import Found, Judgement, Outcome
from flatline.causes.case import Case, number
from flatline.observe.events import Intervened, ProbeFailed
from flatline.record.recording import Curve, Floats, Line

Judge = Callable[[Case, list[Case]], Judgement]
Shown = Callable[[Case], bool]
Compared = Callable[[Case, Case], bool]
# A fifth is what this tool calls an improvement of a loss everywhere (Case.improves).
CLEARLY = 0.8
# Three standard errors: one run in 740 by chance, for means of independent batches.
ERRORS = 3.0
__all__ = [
    "CLEARLY",
    "acted",
    "at",
    "clearly_lower",
    "contrast",
    "ends",
    "finite",
    "formula",
    "loss",
    "named",
    "noise",
    "same_course",
]


def contrast(
    change: str,
    shown: Shown,
    gone: Compared,
    confirmed: str,
    refuted: str = "",
    stays: Compared | None = None,
    value: Callable[[Case], str] | None = None,
) -> Judge:
    """A judge for one trial beside the control.

    Args:
        change: the intervention that must have acted; else nothing follows.
        shown: whether the control shows what the cause explains; else nothing follows.
        gone: whether the trial, given the control, shows the predicted contrast: the cause is confirmed.
        stays: whether the trial shows the symptom all the same: the cause is refuted. None: never.
        value: what is reported of both; by default the first and last loss.
    """
    tell = value or ends

    def judge(control: Case, trials: list[Case]) -> Judgement:
        trial = trials[0] if trials else None
        if trial is None or trial.recording.ended is None:
            return Judgement(Outcome.UNDECIDED, "the trial did not run to its end")
        ended, before = trial.recording.ended.exception, control.recording.ended
        if ended is not None and (before is None or before.exception is None):
            return Judgement(Outcome.UNDECIDED, f"the changed program ended with {ended}")
        failed = [f.message for f in trial.recording.all(ProbeFailed) if f.probe.startswith("intervention")]
        if failed:
            return Judgement(Outcome.UNDECIDED, f"the change could not be made: {failed[0]}")
        if not acted(trial, change):
            return Judgement(Outcome.UNDECIDED, "the change found nothing to act on in this program")
        numbers = tell(control), tell(trial)
        if not shown(control):
            return Judgement(Outcome.UNDECIDED, "the control did not show the symptom", *numbers)
        if gone(control, trial):
            return Judgement(Outcome.CONFIRMED, confirmed, *numbers)
        if stays is not None and refuted and stays(control, trial):
            return Judgement(Outcome.REFUTED, refuted, *numbers)
        return Judgement(
            Outcome.UNDECIDED, "the trial shows neither the symptom nor what its absence predicts", *numbers
        )

    return judge


def acted(case: Case, change: str) -> int:
    """How often a change was made in a trial."""
    processes = [case.recording, *case.recording.ranks]
    return max((r.times for p in processes for r in p.all(Intervened) if r.name == change), default=0)


def loss(case: Case) -> Floats:
    """The optimised loss, step by step; the same one in control and trial, whatever symptoms either has."""
    curves: list[Curve] = case.recording.optimised
    return curves[0].values if curves else np.zeros(0)


def last(case: Case, curve: Callable[[Case], Floats] = loss) -> float:
    """Mean over the last tenth of the steps, of the optimised loss or ``curve``; NaN when one of them is not finite."""
    values = curve(case)
    return float(np.mean(values[-max(1, len(values) // 10) :])) if len(values) else math.nan


def criterion(case: Case) -> Floats:
    """What the training criterion itself gave, step by step. A bound of the criterion is one of these values: what is
    optimised may be a part of them (accumulation), or more (penalties). The optimised loss, where there is not one
    criterion alone."""
    curves: list[Curve] = case.recording.criteria
    return curves[0].values if len(curves) == 1 else loss(case)


def ends(case: Case) -> str:
    values = loss(case)
    if not len(values):
        return "no loss was optimised"
    return f"loss {number(float(values[0]))} to {number(last(case))} in {len(values)} steps"


def finite(case: Case) -> bool:
    values = loss(case)
    return len(values) > 0 and bool(np.all(np.isfinite(values)))


def clearly_lower(control: Case, trial: Case, share: float = CLEARLY) -> bool:
    """Whether the trial's loss ends a fifth below the control's, and by more than the noise of the last batches."""
    one, other = last(control), last(trial)
    if not math.isfinite(other):
        return False
    if not math.isfinite(one):
        return True
    return one > 0 and other < share * one and one - other > ERRORS * noise(control, trial)


def noise(control: Case, trial: Case) -> float:
    """Standard error of the difference of both last losses, from the spread of the last batches."""
    return math.hypot(_error(control), _error(trial))


def same_course(control: Case, trial: Case) -> bool:
    """Whether both losses end at the same height: within three standard errors, or a twentieth of the chance loss."""
    chance = control.chance.value if control.chance is not None else 0.0
    return abs(last(control) - last(trial)) <= max(ERRORS * noise(control, trial), 0.05 * chance)


def _error(case: Case) -> float:
    values = loss(case)
    tail = values[-max(1, len(values) // 10) :]
    return float(np.std(tail)) / math.sqrt(len(tail)) if len(tail) > 1 else 0.0


def named(decision: object) -> Line | None:
    """The line that a decision blames."""
    return decision.line if isinstance(decision, Found) else None


def at(line: Line | None) -> dict[str, Any]:
    """A line, as the arguments of an intervention that acts there only; empty when there is none."""
    return {"line": line.line, "file": os.path.basename(line.file)} if line is not None else {}


def formula(case: Case) -> dict[str, Any]:
    """Where the target of a loss written as a formula is found, for the interventions on targets; else empty."""
    main = case.main_call
    if main is None or main.name != "expression" or main.target is None or not main.target.shape:
        return {}
    line = case.call_line(main)
    name = main.names[1] if len(main.names) > 1 else ""
    if line is not None and name and name not in line.source:
        # ``error = f(x) - y`` stands above ``(error ** 2).mean()``.
        above = [case.recording.line_at(line.file, n, line.function) for n in range(line.line - 1, line.line - 6, -1)]
        line = next((before for before in above if name in before.source), line)
    floating = main.target.dtype.startswith(("float", "bfloat"))
    return {**at(line), "shape": list(main.target.shape), "floating": floating}
