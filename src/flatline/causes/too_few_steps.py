from __future__ import annotations

import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import clearly_lower, contrast, ends, last
from flatline.changes import Change
from flatline.record.source import steps_limit

# Weights start at about 1/sqrt(fan-in) and have to change by the order of themselves before an output depends on the
# inputs in a new way. A path (the sum of all update norms) of a tenth of the weights' norm is well short of that.
PATH = 0.1
# So few steps that no first-order method gets anywhere, whatever its rate: the widest margin over a linear model
# solved by ten steps of conjugate gradients.
STEPS = 10


class TooFewSteps(Cause):
    """Training stopped before it began: a handful of updates, or updates too small to matter.

    What you see
        The loss has hardly moved from its start.

    What is measured
        The number of optimizer steps, and the length of the path the weights travelled relative to their size.

    How it is told apart
        With ``learning-rate-zero`` and ``parameters-not-optimized`` nothing moves at all. With ``no-signal`` more
        steps would only memorise.

    Experiment
        Steps 10, 100 or 10,000 times as long, in place of as many more of them: the loss goes on falling.

    Fix
        More epochs, or smaller batches so that an epoch holds more steps; check that the rate is not tiny.

    References
        The textbook programs that take one full-batch step an epoch, for two epochs.
    """

    name = "too-few-steps"
    row = "S11"
    title = "too few or too small updates for anything to be learned"
    choices = (
        Choice("Train for more epochs, or with smaller batches.", "time in proportion"),
        Choice("Raise the learning rate.", "none, while the loss does not rise; three to ten times is a usual try"),
    )

    def decide(self, case: Case) -> Decision | None:
        steps = case.recording.steps
        if case.curve is None or steps == 0 or not case.moves:
            return None
        if case.has("zero-loss", "near-zero-loss", "non-finite-loss", "rising-loss"):
            return None
        if steps > STEPS and self._held(case):
            return RuledOut(
                "the weights that stand still get no gradient, or no update from it: more steps are no cure"
            )
        path = case.path
        improved = not case.stuck and (case.improves or (math.isfinite(case.explained) and case.explained > 0.5))
        if improved or (steps > STEPS and not path < PATH):
            return RuledOut(f"{steps} steps moved the weights by {path:.0%} of their size in all")
        few = steps <= STEPS
        line = case.rate_line if not few else steps_limit(case.recording, case.backward_line)
        return Found(
            Level.LIKELY,
            0.85 if few and path < 1 else 0.75,
            line or case.backward_line,
            [
                Evidence("optimizer steps", str(steps), "hundreds, as a rule"),
                Evidence("path of the weights over their size", f"{path:.1%}", "about 100%"),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Train for more epochs, or use smaller batches so that each epoch takes more steps."
            if few
            else "Raise the learning rate: at this rate the weights barely move.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        from flatline.causes.learning_rate_zero import LearningRateZero
        from flatline.causes.parameters_not_optimized import ParametersNotOptimized

        others = LearningRateZero().decide(case), ParametersNotOptimized().decide(case)
        if not isinstance(decision, Found) or any(isinstance(other, Found) for other in others):
            # A rate that falls to nothing, and weights that are left out, cut the way short too.
            return []
        return [
            Experiment(
                f"does the loss go on falling when each step is {factor:g} times as long?",
                [Change("learning-rate", {"factor": factor})],
                contrast(
                    "learning-rate",
                    lambda control: control.moves,
                    lambda control, trial: trial.path > 3 * control.path and _falls_on(control, trial),
                    f"on a way {factor:g} times as long the loss goes on falling: it was cut short",
                    value=lambda some: f"path {number(some.path)} of the weights' size; {ends(some)}",
                ),
                steps=case.recording.steps,
            )
            for factor in (10.0, 100.0, 10000.0)
        ]

    @staticmethod
    def _held(case: Case) -> bool:
        """Whether half of the weights never get a gradient other than 0, or half of the measured steps move nothing."""
        facts = [p for u in case.updates for p in u.parameters if p.has_gradient]
        live = {p.parameter for p in facts if p.gradient != 0}
        still = sum(not any(p.moved for p in u.parameters) for u in case.updates)
        return len(live) * 2 < len({p.parameter for p in facts}) or still * 2 > len(case.updates)


def _falls_on(control: Case, trial: Case) -> bool:
    """Thrice as far down, at least: on a way ten times as long, with room for the slope to level off. And to somewhere:
    a loss that ends at what a constant gives was not cut short."""
    if trial.has("chance-plateau"):
        return False
    start = control.first_value
    fallen, further = start - last(control), start - last(trial)
    return clearly_lower(control, trial, 1.0) and further > 3 * max(fallen, 0.0) and further > 0.01 * abs(start)
