from __future__ import annotations

import ast
import math

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import clearly_lower, contrast
from flatline.causes.learning_rate_too_high import UPDATE_RATIO
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import LearningRate
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# The customary momentum, which multiplies a steady gradient by 1 / (1 - 0.9) = 10.
CUSTOMARY = 0.9
# Heavy-ball iterations have complex roots of modulus sqrt(mu) where they oscillate (Polyak, 1964): an error dies away as
# mu^(t/2), so a tenth of it is left after t = 2 ln 10 / (1 - mu) steps: 46 for 0.9, 460 for 0.99.
SETTLES = 2 * math.log(10)
# The run in twenty parts: coarse enough for a mean over batches, fine enough to show a swing.
WINDOWS = 20


class MomentumTooHigh(Cause):
    """The momentum is so high that the run ends before its swings die away, and each update is many gradients.

    What you see
        The loss falls at first, then rises or swings in long waves; the rate itself looks ordinary.

    What is measured
        The momentum against the length of the run: swings die away as mu^(t/2). Whether the first update, which has no
        momentum yet, is small, and the weights all the same travel farther than their own size, to no end.

    How it is told apart
        With ``learning-rate-too-high`` the very first update, which has no momentum yet, is too large. A velocity that
        is an average of gradients (Adam, dampening) does not grow.

    Experiment
        The same rate with momentum 0.9, and with 0: the loss falls to far below.

    Fix
        Momentum 0.9; with a higher one, a rate that is smaller by the same factor as 1 - mu.

    References
        Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
        Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    name = "momentum-too-high"
    row = "S7m"
    title = "the momentum is too high for a run of this length"

    def decide(self, case: Case) -> Decision | None:
        momentum, line = self._momentum(case)
        if momentum is None or case.curve is None or not case.moves:
            return None
        steps = case.recording.steps
        # How much of a swing is left at the end of the run.
        left = math.exp(-steps * (1 - momentum) / 2) if momentum < 1 else 1.0
        text = f"a momentum of {momentum:g} leaves {left:.1%} of a swing after {steps} steps"
        if momentum <= CUSTOMARY or left < 0.1:
            return RuledOut(text)
        if steps * (1 - CUSTOMARY) < SETTLES:
            # So short that the customary momentum would not have settled either.
            return None
        failing, how = self._fails(case)
        if not failing or not case.path > 1:
            return RuledOut(f"{text}, and the loss does not suffer")
        first = case.update_ratios[0] if case.update_ratios else math.nan
        fast = not first <= UPDATE_RATIO
        return Found(
            Level.POSSIBLE if fast else Level.LIKELY,
            0.5 if fast else 0.955,
            line,
            [
                Evidence("momentum", f"{momentum:g}", f"{CUSTOMARY}"),
                Evidence(f"share of a swing that is left after {steps} steps", f"{left:.0%}", "below 10%"),
                Evidence("first update, without momentum, over the weights", number(first), f"below {UPDATE_RATIO}"),
                Evidence("path of the weights over their size", number(case.path), "about 1, to some end"),
                Evidence("loss", how, "falling"),
            ],
            "Use momentum 0.9, or divide the rate by as much as 1 - momentum is smaller than 0.1.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        by_hand = {"written": self._by_hand(case)[0]} if case.optimizer is None else {}
        return [
            Experiment(
                f"does the loss fall at the same rate with momentum {momentum:g}?",
                [Change("learning-rate", {"momentum": momentum, **by_hand})],
                contrast(
                    "learning-rate",
                    lambda control: self._fails(control)[0],
                    lambda control, trial: not self._fails(trial)[0] and clearly_lower(control, trial),
                    f"at the same rate, with momentum {momentum:g}, the loss falls to far below",
                    f"with momentum {momentum:g} the loss fails as before",
                    lambda control, trial: trial.has("rising-loss", "non-finite-loss"),
                ),
                steps=case.recording.steps,
            )
            for momentum in (CUSTOMARY, 0.0)
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.replace_number import replace_number

        momentum, line = self._momentum(case)
        if momentum is None:
            return []
        return candidates(
            f"The momentum is {CUSTOMARY:g}.", replace_number(momentum, CUSTOMARY, "momentum", 2), [found.line, line]
        )

    def _momentum(self, case: Case) -> tuple[float | None, Line | None]:
        optimizer = case.optimizer
        if optimizer is None:
            return self._by_hand(case)
        options = optimizer.options
        # Of Adam's kind, the first beta is an average: it does not add up.
        if "momentum" not in options or float(options.get("dampening", 0) or 0) > 0.5:
            return None, None
        used = [m for r in case.recording.all(LearningRate) if r.optimizer == optimizer.number for m in r.momenta]
        return max(used, default=float(options["momentum"])), case.optimizer_line

    @staticmethod
    def _by_hand(case: Case) -> tuple[float | None, Line | None]:
        """``v.mul_(MU).add_(p.grad)`` or ``v = MU * v + p.grad``, without a factor 1 - MU on the gradient."""
        for file in case.recording.sources:
            source = SourceFile(case.recording, file)
            for node in source.nodes():
                if not isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)) or ".grad" not in ast.unparse(node):
                    continue
                text = ast.unparse(node).replace(" ", "")
                if "1-" in text or "alpha=" in text:
                    continue
                for part in ast.walk(node):
                    factors: list[ast.expr] = []
                    if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "mul_":
                        factors = part.args[:1]
                    elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
                        factors = [part.left, part.right]
                    for factor in factors:
                        value, line = _constant(source, factor)
                        if value is not None and CUSTOMARY < value <= 1:
                            return value, line or source.line(node.lineno)
        return None, None

    @staticmethod
    def _fails(case: Case) -> tuple[bool, str]:
        values = case.finite
        size = max(1, len(values) // WINDOWS)
        if len(values) < 4 * size:
            return False, ""
        means = np.convolve(values, np.ones(size) / size, mode="valid")
        best, end = float(means.min()), float(means[-1])
        how = f"{number(float(means[0]))} at first, {number(best)} at best, {number(end)} at the end"
        if case.has("zero-loss", "near-zero-loss"):
            return False, how
        # At the top of a swing the loss is back where it was; twice the least mean is no noise of batches.
        swings = end > 2 * best and float(means[int(means.argmin()) :].max()) > 0.5 * float(means[0])
        if case.has("rising-loss", "non-finite-loss") or swings:
            return True, how
        # A loss that stays at chance is a failure of training only where the inputs tell something of the targets.
        told = case.association is not None and case.association.found
        return case.stuck and told, how


def _constant(source: SourceFile, node: ast.expr) -> tuple[float | None, Line | None]:
    """The number that an expression is, and the line of the name that holds it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return node.value, None
    if isinstance(node, (ast.Name, ast.Attribute)):
        for statement in source.assignments(ast.unparse(node)):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, float):
                return value.value, source.line(statement.lineno)
    return None, None
