from __future__ import annotations

import ast
import math

from flatline.causes.base import Cause, Decision, Evidence, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.learning_rate_too_high import LearningRateTooHigh
from flatline.observe.events import Forward
from flatline.record.reader import Line
from flatline.record.source import SourceFile

HALF = ("float16", "bfloat16")
# A sound initialisation keeps the scale of its input from layer to layer. A million times larger is growth through the
# layers, which is `exploding-gradient`, and not one operation that overflows.
GROWTH = 1e6


class NumericOverflow(Cause):
    """A finite computation leaves the range of its number format: overflow, underflow, log of 0, 0 by 0.

    What you see
        The loss is NaN or infinite; a report that filters NaN prints it as 0.

    What is measured
        Whether inputs, targets and weights are finite where the outputs or the loss are not; the dtype of weights and
        outputs; the arguments of exp and log in the autograd graph; what is printed beside a NaN.

    How it is told apart
        Bad data are ``non-finite-data``. A loss that grows step by step first is ``learning-rate-too-high``. Values
        that grow from layer to layer are ``exploding-gradient``.

    Experiment
        The same batch in float32 from the weights before the bad step: finite means precision, NaN means the formula.

    Fix
        bfloat16 or float32 for the part that overflows; float32 master weights with autocast; log_softmax and
        logsumexp instead of exp and log; an epsilon in a division.

    References
        https://github.com/jzhang38/TinyLlama/issues/32
        https://github.com/QwenLM/Qwen3/issues/670
        https://github.com/faustomilletari/VNet/issues/3
    """

    name = "numeric-overflow"
    row = "Z3"
    title = "numbers leave the range of their format"

    def decide(self, case: Case) -> Decision | None:
        bad = case.symptom("non-finite-loss")
        if bad is None or case.curve is None:
            return RuledOut("every optimised loss is finite") if case.curve is not None else None
        if any(f.non_finite for w in case.recording.all(Forward) for f in w.inputs if w.step <= bad.first_step):
            return None
        if any(c.target is not None and c.target.non_finite for c in case.calls):
            return None
        if LearningRateTooHigh._grew(case.curve.values):
            return RuledOut("the loss grew step by step before it was no longer finite")
        forwards = [f for f in case.recording.all(Forward) if f.gradient]
        outputs = [(f, t) for f in forwards for t in f.outputs]
        kinds = {t.dtype for _, t in outputs} | {
            p.dtype for n, p in case.recording.parameters.items() if any(n in f.called for f in forwards)
        }
        half = sorted(k for k in kinds if k in HALF)
        grown = [
            f for f in forwards
            if any(_size(o.maximum, o.minimum) > GROWTH * max(_size(i.maximum, i.minimum) for i in f.inputs)
                   for o in f.outputs if f.inputs and math.isfinite(o.maximum)) and f.step <= bad.first_step
        ]
        if grown and not half:
            return RuledOut("values grow from layer to layer; no single operation overflows")
        evidence = [Evidence("loss", f"{bad.text}", "finite")]
        first_output = next((f for f, t in outputs if t.non_finite), None)
        first_weight = next((u for u in case.updates if any(p.non_finite_weight for p in u.parameters)), None)
        if first_output is not None and (first_weight is None or first_output.step <= first_weight.step):
            evidence.append(
                Evidence("first non-finite", f"the model's output at step {first_output.step}; inputs and weights are finite")
            )
        elif first_weight is not None:
            names = [case.recording.parameter_name(p.parameter) for p in first_weight.parameters if p.non_finite_weight]
            evidence.append(Evidence("first non-finite", f"{names[0]} after the update of step {first_weight.step}"))
        if half:
            evidence.append(Evidence("number format", ", ".join(half), "float32 weights, or autocast around them"))
        evidence += self._operations(case, bad.first_step)
        hidden = next((m for m in case.printed if m.factor == "non-finite"), None)
        if hidden is not None:
            evidence.append(Evidence("printed beside it", hidden.printed.numbers[-1].text, "nan"))
        return Found(
            Level.LIKELY, 0.95 if half or len(evidence) > 2 else 0.8, self._line(case, bool(half)), evidence,
            "Compute the part that overflows in float32 (or with log_softmax and logsumexp), and print NaN as NaN.",
        )

    @staticmethod
    def _operations(case: Case, step: int) -> list[Evidence]:
        for backward in case.backwards:
            if backward.step > step:
                break
            for activation in backward.activations:
                if activation.kind == "exp" and (math.isinf(activation.maximum) or activation.maximum == 0):
                    return [Evidence("result of an exp", number(activation.maximum), "finite, above 0")]
                if activation.kind == "log" and activation.minimum <= 0:
                    return [Evidence("argument of a log", number(activation.minimum), "above 0")]
        return []

    @staticmethod
    def _line(case: Case, half: bool) -> Line | None:
        """The line that changes the number format, or the exp, log or division of the formula, nearest the loss."""
        recording = case.recording
        for file in recording.sources:
            source = SourceFile(recording, file)
            for node in source.nodes():
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".half"):
                    return source.line(node.lineno)
            for node in source.nodes():
                if isinstance(node, ast.Attribute) and node.attr in ("float16", "bfloat16"):
                    return source.line(node.lineno)
        for file in recording.sources:
            source = SourceFile(recording, file)
            for name in ("exp", "log", "sqrt"):
                calls = source.calls_of(name)
                if calls and not half:
                    return source.line(calls[0].lineno)
        return case.criterion_line


def _size(maximum: float, minimum: float) -> float:
    return max(abs(maximum), abs(minimum), 1e-12) if math.isfinite(maximum) and math.isfinite(minimum) else 1e-12
