from __future__ import annotations

import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.causes.non_finite import bad_data, operation_line
from flatline.changes import Change
from flatline.observe.events import LossScale, Singular, StepCount

# float16 holds up to 65504. A gradient that overflows only because of the scale is finite once the scale is 1; below
# that the gradient itself is not finite, and halving goes on for ever.
UNSCALED = 1.0
# A scaler that starts at the default 2^16 and finds a gradient of order 1 needs a handful of halvings. It takes 24 to
# bring a scale from 2^24, the greatest that can be of use (the smallest half is 2^-24), down to 1.
USEFUL_HALVINGS = 24
# Steps left out now and then are how a scaler finds its scale: with the default interval of 2000 steps one in 2000.
SHARE = 0.5


class LossScaleCollapse(Cause):
    """The gradient scaler leaves out every optimizer step, and its scale falls and falls.

    What you see
        The loss does not move although backward and step are called; the scale in the log goes towards 0. A printed
        loss that was multiplied by the scale falls with it, and looks as if it were learning.

    What is measured
        At each ``GradScaler.step``: the scale, whether the optimizer stepped, which gradients were not finite; the
        operations in the graph that stood at a singular point.

    How it is told apart
        A scaler that starts too high leaves out its first few steps and then settles: that is normal. Here no end is
        in sight: the scale has passed 1, or the run ends before the scale gets there. ``parameters-not-optimized``:
        there nobody tries to step.

    Experiment
        The same program in float32 with the scaler disabled: every step is taken. Weights that then turn NaN
        mean that the formula is to blame, and not the precision.

    Fix
        Cure the operation whose gradient is not finite (a root or logarithm at 0); a scale to start from of 2^16 or
        less; bfloat16, which needs no scaler.

    References
        https://github.com/NVIDIA/apex/issues/834
        https://pytorch.org/docs/stable/amp.html
    """

    name = "loss-scale-collapse"
    row = "F12"
    title = "the gradient scaler leaves out the steps because gradients are not finite"
    choices = (
        Choice(
            "Take what overflows out of float16 (autocast(enabled=False) around it).",
            "that part runs slower and takes twice the memory",
        ),
        Choice("Use bfloat16.", "needs hardware for it; fewer digits"),
        Choice(
            "Correct the expression whose gradient is infinite.",
            "thought: a clamp or an epsilon changes the gradient near it",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        seen = case.recording.all(LossScale)
        if not seen:
            return None
        last = max(seen, key=lambda s: s.attempts)
        share = last.skips / last.attempts
        lowest = min(s.scale for s in seen)
        if share <= SHARE or not last.skipped:
            return RuledOut(
                f"the gradient scaler left out {last.skips} of {last.attempts} steps; its scale ends at "
                f"{number(last.scale)}"
            )
        if bad_data(case) is not None:
            return RuledOut("the steps are left out because the data are not finite")
        first = next(s for s in seen if s.skipped)
        below = lowest < UNSCALED
        singular = self._singular(case)
        evidence = [
            Evidence("steps the scaler left out", f"{last.skips} of {last.attempts}", "a few at the start"),
            Evidence("scale, first to last", f"{number(seen[0].scale)} to {number(last.scale)}", "1 or more, steady"),
            Evidence(
                f"gradients that were not finite at attempt {first.attempts}",
                f"{len(first.non_finite)} parameters" + (f" ({self._names(case, first)})" if first.non_finite else ""),
                "0",
            ),
        ]
        if singular is not None:
            evidence.append(
                Evidence(
                    f"elements at 0 under {singular.operation}, where its slope is infinite",
                    f"{singular.zeros} of shape {tuple(singular.shape)}",
                    "0",
                )
            )
        halvings = math.log2(max(seen[0].scale, 1e-300))
        if not below and singular is None and halvings > USEFUL_HALVINGS:
            evidence.append(Evidence("halvings until the scale is 1", f"{halvings:.0f}", f"at most {USEFUL_HALVINGS}"))
            return Found(
                Level.LIKELY,
                0.98,
                case.recording.line(last.place) or case.backward_line,
                evidence,
                "Start from the default scale, 65536: each halving costs a step.",
            )
        if not below and singular is None:
            fix = "Too few steps to tell: more of them show whether the scale settles."
            return Found(Level.POSSIBLE, 0.5, case.recording.line(last.place), evidence, fix)
        line = operation_line(case, singular.operation) if singular is not None else None
        return Found(
            Level.LIKELY,
            0.98,
            line or case.backward_line,
            evidence,
            f"Add a small constant inside the {singular.operation.lower()}: its gradient is infinite at 0, and no mask "
            "after it helps."
            if singular is not None
            else "No scale helps: the gradient is not finite even unscaled. Turn the scaler off and use "
            "torch.autograd.set_detect_anomaly(True) to find the operation.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "do the weights move in float32, without the gradient scaler?",
                [Change("precision", {"dtype": "float32"})],
                contrast(
                    "precision",
                    lambda control: not control.moves and bool(control.recording.all(LossScale)),
                    lambda control, trial: (
                        trial.stepped
                        and (trial.moves or any(p.non_finite_weight for u in trial.updates for p in u.parameters))
                    ),
                    "without the scaler every step is taken (and shows whether the gradient is finite): "
                    "the scaler alone left them out",
                    "without the scaler the weights do not move either",
                    lambda control, trial: trial.stepped and not trial.moves,
                    lambda some: f"{sum(c.steps for c in some.recording.all(StepCount)[-1:])} optimizer steps",
                ),
                steps=case.recording.steps or 20,
            )
        ]

    @staticmethod
    def _names(case: Case, scale: LossScale) -> str:
        return ", ".join(case.recording.parameter_name(p) for p in scale.non_finite[:3])

    @staticmethod
    def _singular(case: Case) -> Singular | None:
        return next(iter(case.recording.all(Singular)), None)
