"""What follows from the runs of one experiment. A cause's own judge speaks first; what is doubtful is not believed."""

from __future__ import annotations

from dataclasses import dataclass

from flatline.causes.base import Experiment, Judgement, Outcome
from flatline.causes.case import Case
from flatline.experiments.runs import Run
from flatline.experiments.statistics import effect_p_value
from flatline.experiments.trial import Status
from flatline.symptoms.base import PROMINENCE


@dataclass
class Effect:
    """In how many runs without and with the change the symptom showed, and Fisher's p value, not yet corrected."""

    control_shown: int
    control_runs: int
    trial_shown: int
    trial_runs: int
    p_value: float | None


def names(case: Case) -> set[str]:
    return {s.name for s in case.symptoms}


def main_symptom(seen: set[str]) -> str | None:
    """The one that a person would name first."""
    return next((name for name in PROMINENCE if name in seen), None)


def usable(run: Run, original: Case, change_made: bool = True) -> str:
    """Why a run says nothing, in words; empty when it can be judged.

    ``change_made`` is whether its change has to have found something to act on.
    """
    status = run.result.status
    if run.case is None:
        return f"the trial left no record: {run.result.message or status.value}"
    if run.unmade and (change_made or run.failed):
        return f"the change was not made: {run.unmade}"
    if status is Status.FINISHED:
        return ""
    ended, before = run.case.recording.ended, original.recording.ended
    if status is Status.CRASHED and ended is not None and before is not None and ended.exception == before.exception:
        # The program itself ends like that.
        return ""
    return f"the trial {'was' if status is Status.KILLED else ''} {status.value}: {run.result.message}".replace(
        "  ", " "
    )


def judge(
    experiment: Experiment,
    original: Case,
    control: Run,
    trials: list[Run],
    others: list[Run],
) -> tuple[Judgement, Effect | None]:
    """What an experiment says.

    Args:
        experiment: with the judge of its cause.
        original: the recorded run.
        control: the same program untouched, which has shown the symptom again.
        trials: the runs with the change, the program's own seed first; then those of ``Experiment.also``, where the judge
            itself sees whether the change found something to act on.
        others: untouched runs under the seeds of the further trials; empty where chance plays no part.
    """
    further = trials[len(trials) - len(experiment.also) :]
    for run in (control, *trials, *others):
        reason = usable(run, original, all(run is not one for one in further))
        if reason:
            return Judgement(Outcome.UNDECIDED, reason), None
    cases = [run.case for run in trials if run.case is not None]
    assert control.case is not None
    first = cases[: len(cases) - len(experiment.also)]
    effect = _effect(control.case, first, [run.case for run in others if run.case is not None])
    try:
        judgement = experiment.judge(control.case, cases)
    except Exception as error:
        return Judgement(Outcome.UNDECIDED, f"its judgement failed: {type(error).__name__}: {error}"), effect
    return judgement, effect


def _effect(control: Case, trials: list[Case], others: list[Case]) -> Effect | None:
    main = main_symptom(names(control))
    if main is None:
        return None
    without = [main in names(case) for case in (control, *others)]
    given = [main in names(case) for case in trials]
    p_value = effect_p_value(without, given) if others else None
    return Effect(sum(without), len(without), sum(given), len(given), p_value)


def symptom_gone(control: Case, trial: Case) -> bool:
    """Whether the symptom that a person would name is there without the change, and not with it."""
    main = main_symptom(names(control))
    return main is not None and main not in names(trial)
