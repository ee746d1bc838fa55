from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.half_precision import LARGEST_HALF, epsilon, half_data, lost_updates, moments, underflow
from flatline.causes.judging import contrast
from flatline.causes.non_finite import (
    bad_data,
    dtype_of,
    first_bad_step,
    half_line,
    operation_line,
)
from flatline.causes.wider import halves, lost, recovers
from flatline.changes import Change
from flatline.observe.events import Backward, NonFinite, Singular

# exp(x) leaves float32 at x = ln(3.4e38).
EXP_LIMIT = 88.7
# An update over a tenth of the weights, or a loss that grew tenfold, is the learning rate's doing (see that cause).
UPDATE_RATIO = 0.1
GROWTH = 10.0
# Operations that leave the range, or have no value, for arguments that are themselves ordinary numbers.
_SPECIAL = ("Exp", "Log", "Log2", "Log10", "Div", "Sqrt", "Rsqrt", "Reciprocal", "Expm1", "Sinh", "Cosh", "Tan")


class NumericOverflow(Cause):
    """A number left the range of its type: too large, too small, or at a point where an operation has no value.

    What you see
        The loss is NaN or infinite though the data are fine; or it is 0 (in half precision, or because the log prints
        NaN as 0); or weights turn NaN after one step.

    What is measured
        The first operation in forward order whose saved numbers are not finite, its type, and whether the weights were
        finite then; for gradients, the operations that stood at a singular point (a root, logarithm or quotient at 0);
        a loss of 0 computed again from the kept rows; Adam's epsilon against the smallest half; 16-bit tensors that
        hold infinities.

    How it is told apart
        ``non-finite-data``: the bad number is already in the inputs. ``learning-rate-too-high``: the loss grew or the
        weights jumped before. ``exploding-gradient``: numbers grow from layer to layer until a plain product overflows.

    Experiment
        The same program in float32 (float64, if it is in float32 already), or with a small constant inside the
        root: finite, from the same weights and batches.

    Fix
        float32 or bfloat16 for the part that overflows; log_softmax, logsumexp and the losses "with logits" in place of
        exp and log written out; a small constant inside roots, logarithms and denominators; Adam's eps at 1e-4 in half.

    References
        https://github.com/jzhang38/TinyLlama/issues/153
        https://github.com/pytorch/pytorch/issues/8860
        https://github.com/tflearn/tflearn/issues/695
        https://github.com/huggingface/peft/issues/1522
    """

    name = "numeric-overflow"
    row = "Z3"
    title = "a number left the range of its type (overflow, underflow, or a singular point)"
    before_training = Level.LIKELY
    choices = (
        Choice("Rewrite the expression with logsumexp, log_softmax, log1p or softplus.", "none in the result; thought"),
        Choice("Use bfloat16 or float32.", "memory and time"),
        Choice("Scale the targets or inputs.", "the loss is in other units"),
    )

    def decide(self, case: Case) -> Decision | None:
        if bad_data(case) is not None:
            return RuledOut("the numbers were NaN or infinite before any computation: the data hold them")
        found = epsilon(case) or moments(case) or self._forward(case) or self._gradient(case) or underflow(case)
        found = found or half_data(case) or lost_updates(case)
        if found is not None:
            return found
        if not case.recording.backwards:
            return None
        if first_bad_step(case) is None:
            return RuledOut("every measured number was finite")
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        singular = next(iter(case.recording.all(Singular)), None)
        root = singular is not None and singular.operation == "Sqrt"
        if root:
            return [
                Experiment(
                    "is the loss finite when a small constant is added inside the root?",
                    [Change("operation", {"names": ["sqrt"], "by": "shift", "amount": 1e-8})],
                    contrast("operation", lost, recovers, "with 1e-8 inside the root every number is finite"),
                    steps=case.recording.steps,
                )
            ]
        wide = "float32" if halves(case) else "float64"
        return [
            Experiment(
                f"is the loss finite when the same program computes in {wide}?",
                [Change("precision", {"dtype": wide})],
                contrast(
                    "precision",
                    lost,
                    recovers,
                    f"in {wide}, with the same weights and batches, the loss is finite and the weights move",
                    f"in {wide} the same happens: the range of the type is not to blame",
                    lambda control, trial: lost(trial) and first_bad_step(trial) == first_bad_step(control),
                ),
                steps=case.recording.steps,
            )
        ]

    def _forward(self, case: Case) -> Found | None:
        first = next(iter(case.recording.all(NonFinite)), None)
        if first is None or first.parameters:
            return None
        grew = self._grew(case)
        half = first.dtype == "float16"
        if not half and first.operation not in _SPECIAL:
            return None
        if first.operation.startswith("Log") and self._negative_log(case, first):
            # The argument is no probability at all: that is for output-activation-mismatch to say.
            return None
        if not first.shape and first.operation == "Div":
            # A mean over nothing: what was counted is the cause, not the division.
            return None
        parts = [("NaN", first.nan), ("+inf", first.positive), ("-inf", first.negative), ("0", first.zeros)]
        held = ", ".join(f"{n} {name}" for name, n in parts if n) or "the loss itself"
        before = f" (made by {', '.join(first.before)})" if first.before and first.saved != "result" else ""
        evidence = [
            Evidence(
                "first operation with a number out of range",
                f"{first.operation} in {first.dtype}, step {first.step}: its {first.saved or 'value'} of shape "
                f"{tuple(first.shape)} holds {held}{before}",
                "finite numbers",
            ),
            Evidence("weights that were not finite at that time", "0"),
        ]
        if half:
            evidence.append(Evidence("largest float16", number(LARGEST_HALF)))
        elif first.operation == "Exp":
            evidence.append(Evidence("exp leaves float32 for arguments above", number(EXP_LIMIT)))
        line = half_line(case, of_model=False) if half else operation_line(case, first.operation)
        level = Level.POSSIBLE if grew and not half else Level.LIKELY
        return Found(
            level,
            0.5 if level is Level.POSSIBLE else 0.97 if half else 0.93,
            line or case.criterion_line,
            evidence,
            self._advice(first.operation, half),
        )

    @staticmethod
    def _advice(operation: str, half: bool) -> str:
        if half:
            return (
                "Do this part in float32 (x.float(), or outside autocast), or in bfloat16, which has the range of "
                "float32."
            )
        if operation.startswith("Exp"):
            return "Use softmax, log_softmax or logsumexp, which subtract the maximum first, in place of exp."
        return f"Keep the argument of {operation.lower()} away from 0: clamp it, or add a small constant inside."

    @staticmethod
    def _negative_log(case: Case, first: NonFinite) -> bool:
        near = [b for b in case.backwards if b.step == first.step]
        return any(a.kind == "log" and a.minimum < 0 for b in near for a in b.activations)

    @staticmethod
    def _grew(case: Case) -> bool:
        """Whether the weights jumped or the loss grew before the first bad number: then the rate comes first."""
        values = case.curve.values if case.curve is not None else np.zeros(0)
        finite = np.isfinite(values)
        before = values[: int(np.argmin(finite))] if not finite.all() else values
        rose = len(before) >= 2 and float(np.max(np.abs(before))) > GROWTH * max(abs(float(before[0])), 1e-12)
        return rose or any(r > UPDATE_RATIO for r in case.update_ratios if math.isfinite(r))

    def _gradient(self, case: Case) -> Found | None:
        """A finite loss whose gradient is not: a singular point, or float16 weights."""
        for update in case.updates:
            bad = [p for p in update.parameters if p.non_finite_gradient]
            if not bad:
                continue
            backward = self._backward_of(case, update.step)
            if backward is None or backward.value is None or not math.isfinite(backward.value):
                return None
            names = ", ".join(case.recording.parameter_name(p.parameter) for p in bad[:3])
            evidence = [
                Evidence(f"loss at step {update.step}", number(backward.value), "finite"),
                Evidence("gradients that are not finite", f"{len(bad)} of {len(update.parameters)} ({names})", "0"),
            ]
            singular = [s for s in case.recording.all(Singular) if s.step == update.step]
            if singular:
                worst = singular[0]
                evidence.append(
                    Evidence(
                        f"elements at 0 under {worst.operation}, where its slope is infinite",
                        f"{worst.zeros} of shape {tuple(worst.shape)}",
                        "0",
                    )
                )
                return Found(
                    Level.LIKELY,
                    0.95,
                    operation_line(case, worst.operation) or case.criterion_line,
                    evidence,
                    f"Add a small constant inside the {worst.operation.lower()}, or choose the elements before it: "
                    "torch.where and masks hide the value but not the gradient, because 0 times infinity is NaN.",
                )
            half = [p for p in bad if dtype_of(case, p.parameter) == "float16"]
            if half and not self._grew(case):
                evidence.append(Evidence("type of these weights", "float16: its largest number is 65504", "float32"))
                return Found(
                    Level.LIKELY,
                    0.88,
                    half_line(case, of_model=True) or case.optimizer_line,
                    evidence,
                    "Keep the weights in float32 and use autocast with GradScaler, or bfloat16.",
                )
            return None
        return None

    @staticmethod
    def _backward_of(case: Case, step: int) -> Backward | None:
        return next((b for b in case.backwards if b.step == step), None)
