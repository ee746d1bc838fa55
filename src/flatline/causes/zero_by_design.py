from __future__ import annotations

import ast
import math
import re

import numpy as np

from flatline.causes.base import Cause, Decision, Expected, Level, RuledOut
from flatline.causes.case import PRINTS_AS_ZERO, Case, number
from flatline.observe.events import Printed, Update
from flatline.record.source import SourceFile

# A loss that cannot be negative and whose slope changes by at most L per unit of distance has g² <= 2 L v: at value 0
# its gradient is 0. Training is stable for rates below 2 / L, and rates below 1e-4 are rare: L is seldom above 1e4.
CURVATURE = 1e4
# Rounding: a mean of terms of size 1 in float32 is 0 within a few times 2^-24.
ROUNDING = 1e-6


class ZeroByDesign(Cause):
    """The loss, or a part of it, is 0 by its construction, while its gradient is not: nothing is wrong.

    What you see
        A printed loss of 0.0000 (or -0.0000) from the first step on, and yet the reward rises.

    What is measured
        The value of the loss against the size of its gradient, step by step, and whether weights move.

    How it is told apart
        Where a loss that cannot be negative is 0, its gradient is 0 too; a gradient beside a zero means that the value
        was never the point, as in a policy gradient with centred advantages, where only the slope counts. With
        ``no-contrast`` or ``one-class-softmax`` the gradient is 0.

    Experiment
        None: it is expected. At learning rate 0 the reward would not rise.

    Fix
        None needed. Watch the reward, the gradient norm or the KL term in place of this loss.

    References
        https://github.com/huggingface/trl/issues/3452
        https://github.com/huggingface/open-r1/issues/239
        https://github.com/DocF/multispectral-object-detection/issues/6
    """

    name = "zero-by-design"
    row = "Z10"
    title = "the loss is 0 by construction, and its gradient is not"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        part = self._part(case)
        if part is not None:
            return part
        curve = case.curve
        if curve is None or not len(curve) or not (case.updates or case.preflight):
            return None
        main = case.main_call
        if main is not None and main.name != "expression":
            # Torch's own criteria are never negative: their 0 is a true 0.
            return None
        pairs = self._pairs(case)
        if not pairs or not (case.moves or case.preflight):
            return None
        if case.preflight and abs(pairs[0][0]) < ROUNDING and self._surrogate(*pairs[0]):
            return Expected(
                f"the loss starts at {number(pairs[0][0])} by construction, and its gradient is not 0 "
                f"({number(pairs[0][1])}): a distance of the model from its own start, or a surrogate of which only "
                "the slope means something",
                case.criterion_line,
            )
        value, gradient = pairs[0]
        if not self._surrogate(value, gradient):
            return None
        # Of the steps at 0. One without a gradient tells nothing: its group had no contrast.
        surrogate = [self._surrogate(v, g) for v, g in pairs if abs(v) < PRINTS_AS_ZERO and g != 0]
        typical = float(np.median(np.abs(curve.values[np.isfinite(curve.values)])))
        if typical < PRINTS_AS_ZERO and sum(surrogate) > max(0.9 * len(surrogate), 0.5 * len(pairs)):
            return Expected(
                f"the loss is 0 by construction ({number(typical)} is typical), but its gradient is not "
                f"({number(gradient)} at the first step) and the weights move: only the slope of this loss means "
                "something, as in a policy gradient with centred advantages. Watch the reward.",
                case.criterion_line,
            )
        if abs(value) < ROUNDING and typical >= PRINTS_AS_ZERO:
            return Expected(
                f"the loss starts at 0 by construction, with a gradient of {number(gradient)}, and leaves it as the "
                "weights move, as a distance of the model from its own start does",
                case.criterion_line,
            )
        return RuledOut(f"the loss is not 0 where its gradient is not: {number(typical)} is typical")

    @staticmethod
    def _pairs(case: Case) -> list[tuple[float, float]]:
        """The loss and the norm of its gradient, for the measured steps."""
        curve = case.curve
        assert curve is not None
        checked = case.checked("gradient everywhere", "passed", "failed", "expected")
        if case.preflight:
            norm = checked.numbers.get("norm", math.nan) if checked is not None else math.nan
            return [(float(curve.values[0]), norm)] if math.isfinite(norm) else []
        values = {int(step): float(value) for step, value in zip(curve.steps, curve.values)}
        return [
            (values[u.step], _norm(u))
            for u in case.updates
            if u.step in values and math.isfinite(values[u.step]) and math.isfinite(_norm(u))
        ]

    @staticmethod
    def _surrogate(value: float, gradient: float) -> bool:
        """Whether a value and the gradient there cannot be those of a loss that is never negative."""
        if gradient == 0 or abs(value) >= PRINTS_AS_ZERO:
            return False
        return value <= 0 or gradient**2 > 2 * CURVATURE * value

    def _part(self, case: Case) -> Decision | None:
        """A part of the loss that the program itself sets to 0 when there is one class, and prints as 0."""
        if case.curve is None or not np.all(case.finite != 0):
            return None
        for file in case.recording.sources:
            source = SourceFile(case.recording, file)
            for node in source.nodes():
                if isinstance(node, ast.If) and _one_class(node.test) and _gives_zero(node.body):
                    line = source.line(node.body[0].lineno)
                    if self._printed_zero(case):
                        return Expected(
                            "a part of the loss is 0 because there is one class, as the program itself says; the whole "
                            f"loss is not ({number(float(case.finite[0]))})",
                            line,
                        )
        return None

    @staticmethod
    def _printed_zero(case: Case) -> bool:
        """Whether the class part is printed, and as 0 each time."""
        found = [
            float(match[1])
            for printed in case.recording.all(Printed)
            for match in re.finditer(r"\bcl(?:s|ass)\w*\W{1,4}(-?\d+\.?\d*)", printed.text, re.IGNORECASE)
        ]
        return bool(found) and not any(found)


def _norm(update: Update) -> float:
    return math.sqrt(sum(p.gradient**2 for p in update.parameters if p.has_gradient))


def _one_class(test: ast.expr) -> bool:
    """``nc == 1``, ``num_classes < 2``, ``len(names) <= 1``."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.comparators[0], ast.Constant):
        return False
    limit, operator = test.comparators[0].value, test.ops[0]
    return (limit == 1 and isinstance(operator, (ast.Eq, ast.LtE))) or (limit == 2 and isinstance(operator, ast.Lt))


def _gives_zero(body: list[ast.stmt]) -> bool:
    value = getattr(body[0], "value", None)
    if isinstance(value, ast.Constant):
        return value.value == 0 and isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    first = value.args[0] if value.args else None
    return name in ("new_zeros", "zeros", "zeros_like") or (
        name in ("tensor", "Tensor", "new_tensor") and isinstance(first, ast.Constant) and first.value == 0
    )
