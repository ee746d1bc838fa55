from __future__ import annotations

import ast
import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import BINARY, CLASSIFICATION, Case, number
from flatline.causes.constant_targets import target_line
from flatline.causes.judging import clearly_lower, contrast, finite, formula, loss
from flatline.changes import Change
from flatline.observe.events import Backward, CriterionCall, TensorFacts
from flatline.record import quoting
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile, argument_name

# Labels that were computed (smoothed, mixed, averaged) are off by a few units in the last place of float32.
ROUNDING = 1e-5
# Float32 rows of up to tens of thousands of probabilities add up to 1 within this.
ROW_SUM = 1e-3
_CONVERSIONS = (".float()", "tensor(", "from_numpy(", "Tensor(", ".to(", ".double()", ".long()")
_SIGNS = ("soft_margin_loss", "hinge_embedding_loss", "margin_ranking_loss", "cosine_embedding_loss")


class TargetOutOfDomain(Cause):
    """The targets lie where the loss is not defined: labels of 255 or -1 in a loss for probabilities.

    What you see
        The loss is negative and falls without end, or is far too large; or the criterion refuses its target.

    What is measured
        The range of the targets, and their sums along the classes, against the loss's domain: probabilities for binary
        cross entropy, distributions for KL divergence, class numbers below C for cross entropy, -1 or 1 for margin
        losses.

    How it is told apart
        A density may be above 1, so a Gaussian negative log-likelihood below 0 is healthy; binary cross entropy or a
        KL divergence below 0 is not possible with targets in the domain.

    Experiment
        The targets scaled or clamped into the domain: the loss stays above 0, and falls.

    Fix
        Divide masks by 255, map -1 and 1 to 0 and 1, divide soft labels by their sum.

    References
        https://github.com/pytorch/pytorch/issues/60928
        https://github.com/michaal94/torch_DCEC/issues/1
    """

    name = "target-out-of-domain"
    row = "F13"
    title = "the targets lie outside of what the loss is defined for"
    before_training = Level.LIKELY
    choices = (
        Choice("Scale or map the targets to the loss's domain.", "predictions are in other units"),
        Choice("Use a loss for these targets.", "losses no longer compare with earlier runs"),
    )

    def decide(self, case: Case) -> Decision | None:
        judged = ""
        for call in case.calls:
            if call.target is None or not call.target.shape:
                continue
            found = self._judge(case, call, call.target)
            if found is not None:
                return found
            if call.name in (*BINARY, *CLASSIFICATION, *_SIGNS, "kl_div") and not judged:
                judged = f"{call.name} is given targets from {number(call.target.minimum)} to " + number(
                    call.target.maximum
                )
        return RuledOut(judged) if judged else None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        judged = next((c for c in case.calls if c.target is not None and self._judge(case, c, c.target)), None)
        if not isinstance(decision, Found) or judged is None or judged.target is None or judged.error is not None:
            return []
        most = max((c.target.maximum for c in case.calls if c.target is not None), default=1.0)
        arguments = {"how": "normalise"} if judged.name == "kl_div" else {"how": "clamp", "scale": max(most, 1.0)}
        return [
            Experiment(
                "does the loss stay above 0, and fall, with the targets in its domain?",
                [Change("targets", {**arguments, **formula(case)})],
                contrast(
                    "targets",
                    lambda control: bool(control.backwards),
                    _stays_a_loss,
                    "with the targets in its domain the loss is never below 0, and falls",
                ),
                steps=case.recording.steps,
            )
        ]

    def _judge(self, case: Case, call: CriterionCall, target: TensorFacts) -> Found | None:
        low, high = target.minimum, target.maximum
        span = f"{number(low)} to {number(high)}"
        if not math.isfinite(low):
            return None
        if call.name in BINARY:
            if low < -ROUNDING or high > 1 + ROUNDING:
                return self._found(case, call, span, "probabilities, 0 to 1", _probabilities(low, high))
        elif call.name == "kl_div":
            return self._distribution(case, call, target)
        elif call.name in CLASSIFICATION:
            return self._classes(case, call, target)
        elif call.name in _SIGNS and target.counts:
            if not set(target.counts) <= {"-1", "1"}:
                values = ", ".join(sorted(target.counts, key=float)[:6])
                if not all(quoting.value(case.recording, one) for one in target.counts):
                    values = span
                return self._found(case, call, values, "-1 or 1", "Map the labels to -1 and 1: 2 * y - 1 for 0 and 1.")
        elif call.name == "poisson_nll_loss" and low < 0:
            return self._found(case, call, span, "counts, 0 or more", "A count cannot be negative.")
        elif call.name == "expression" and (low < -ROUNDING or high > 1 + ROUNDING):
            return self._by_hand(case, call, span, _probabilities(low, high))
        return None

    def _distribution(self, case: Case, call: CriterionCall, target: TensorFacts) -> Found | None:
        low, high = target.minimum, target.maximum
        if call.options.get("log_target"):
            # A probability is at most 1, so its logarithm is at most 0.
            if high > ROUNDING:
                return self._found(
                    case,
                    call,
                    f"up to {number(high)}",
                    "log-probabilities, 0 or less",
                    "Take the logarithm of a softmax, or pass log_target=False.",
                )
            return None
        if low < -ROUNDING:
            fix = "Pass probabilities, or log_target=True when they are log-probabilities."
            return self._found(case, call, f"{number(low)} to {number(high)}", "probabilities, 0 or more", fix)
        total = target.mean * target.elements
        # One distribution for each of the first sizes multiplied: rows, pixels, or the whole.
        counts = [math.prod(target.shape[:k]) for k in range(len(target.shape) + 1)]
        if len(target.rows) != 6 or any(abs(total - n) <= ROW_SUM * n for n in counts):
            return None
        along = {1: target.rows[:2], len(target.shape) - 1: target.rows[4:]}
        if any(most <= 1 + ROW_SUM for _, most in along.values()):
            # Rows of zeros are padding; less than 1 weighs a sample down but leaves the loss what it is.
            return None
        least, most = target.rows[4:]
        return self._found(
            case,
            call,
            f"{number(least)} to {number(most)}, summed over the classes",
            "1",
            "Divide the soft labels by their sum along the classes.",
        )

    def _classes(self, case: Case, call: CriterionCall, target: TensorFacts) -> Found | None:
        low, high = target.minimum, target.maximum
        if target.dtype.startswith("float"):
            if low < -ROUNDING and target.shape == (call.input.shape if call.input else None):
                return self._found(
                    case, call, f"{number(low)} to {number(high)}", "class probabilities", _probabilities(low, high)
                )
            return None
        if call.error is None or call.input is None:
            return None
        classes = call.input.shape[1 if len(call.input.shape) > 1 else 0]
        ignored = call.options.get("ignore_index", -100)
        if high >= classes or (low < 0 and low != ignored):
            return self._found(
                case,
                call,
                f"{number(low)} to {number(high)}, for {classes} classes",
                f"0 to {classes - 1}",
                "Number the classes from 0, or give the model as many outputs as there are classes.",
            )
        return None

    def _by_hand(self, case: Case, call: CriterionCall, span: str, fix: str) -> Found | None:
        """Binary cross entropy written as a formula: the logarithms of p and of 1 - p, weighted with t and 1 - t."""
        facts = call.input
        if facts is None or facts.minimum < 0 or facts.maximum > 1:
            return None
        backward: Backward | None = next(
            (b for b in case.backwards if b.step == call.step and abs(b.tick - call.tick) <= 2), None
        )
        logs = [a for a in backward.activations if a.kind == "log"] if backward is not None else []
        inside = [a for a in logs if a.minimum >= 0 and a.maximum <= 1 + ROUNDING]
        if len(inside) < 2 or len(inside) != len(logs) or not _complement(case, call):
            return None
        return self._found(case, call, span, "probabilities, 0 to 1: the formula weighs with t and 1 - t", fix)

    @staticmethod
    def _made(case: Case, call: CriterionCall) -> Line | None:
        """The line on the way of the targets where they are made a tensor of the loss's type: there they are scaled."""
        line = case.recording.line(call.place)
        name = call.names[1] if len(call.names) > 1 and call.names[1] else argument_name(case.recording, line, 1)
        for made in made_at(case.recording, line, name):
            if any(word in made.source for word in _CONVERSIONS):
                return made
        return None

    def _found(self, case: Case, call: CriterionCall, measured: str, expected: str, fix: str) -> Found:
        main = case.main_call
        line = case.call_line(call)
        if main is not None and main.series == call.series:
            line = self._made(case, call) or target_line(case)
        evidence = [Evidence(f"targets of {call.name}", measured, expected)]
        if call.error is not None:
            evidence.append(Evidence("the criterion refused it", call.error.splitlines()[0][:160]))
        elif len(case.finite):
            evidence.append(
                Evidence(
                    "loss, first, last and least",
                    f"{number(case.first_value)}, {number(case.last_value)}, {number(float(case.finite.min()))}",
                    "never below 0",
                )
            )
        return Found(Level.LIKELY, 0.985, line, evidence, fix)


def _probabilities(low: float, high: float) -> str:
    if low < 0 and high <= 1:
        return "Map the labels to 0 and 1: (t + 1) / 2 for -1 and 1."
    return "Divide the targets by their greatest value (255 for an 8-bit mask), or compare: mask > 127."


def _complement(case: Case, call: CriterionCall) -> bool:
    """Whether the source has ``1 - t`` for this target, under its own name or a function's parameter it is passed to."""
    target = call.names[1] if len(call.names) > 1 else ""
    line = case.call_line(call)
    if not target or line is None:
        return False
    source = SourceFile(case.recording, line.file)
    names = {target}
    for node in source.nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            for index, argument in enumerate(node.args):
                if ast.unparse(argument) == target:
                    names |= _parameter(source, called, index)
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Constant)
        and node.left.value == 1
        and ast.unparse(node.right) in names
        for node in source.nodes()
    )


def _parameter(source: SourceFile, function: str, index: int) -> set[str]:
    for node in source.nodes():
        if isinstance(node, ast.FunctionDef) and node.name == function:
            arguments = [a.arg for a in node.args.args]
            if arguments and arguments[0] == "self":
                arguments = arguments[1:]
            return set(arguments[index : index + 1])
    return set()


def _stays_a_loss(control: Case, trial: Case) -> bool:
    # A sum of float32 numbers may be below 0 by a rounding.
    if not finite(trial) or bool((loss(trial) < -1e-6).any()) or not trial.improves:
        return False
    return not finite(control) or bool((loss(control) < 0).any()) or clearly_lower(control, trial)
