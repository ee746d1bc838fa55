from __future__ import annotations

import ast
import math

from flatline.causes.activations import activation_line
from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import REGRESSION, Case, number
from flatline.causes.judging import at, clearly_lower, contrast, finite, loss, named
from flatline.causes.places import calls, candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import CriterionCall, TensorFacts
from flatline.record.chance import is_squared_error
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# What an activation can give at most: its range is a fact of the function, not a measurement.
_RANGE = {
    "Relu": (0.0, math.inf),
    "Sigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Softplus": (0.0, math.inf),
    "Hardtanh": (-1.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "Exp": (0.0, math.inf),
}
# Log-probabilities of float32 logits: exp of a row sums to 1 within 1e-3 even for tens of thousands of classes.
ROW_SUM = 1e-2
# A few targets beyond the range are outliers; one in a hundred of them already bounds the loss from below.
SHARE = 0.01


class OutputActivationMismatch(Cause):
    """The last activation cannot give what the loss or the targets ask for.

    What you see
        The loss stops far above 0, is constant, negative, or NaN; or the criterion refuses its input.

    What is measured
        The autograd node behind what enters the criterion, its range, and the criterion's domain: BCELoss takes
        [0, 1]; NLLLoss takes log-probabilities (exp of each row sums to 1); cross entropy and BCEWithLogits take any
        real number and so WANT a linear output; a squared error takes what the targets need.

    How it is told apart
        Probabilities before cross entropy are ``softmax-before-cross-entropy``; a sigmoid before BCEWithLogits is
        ``double-sigmoid``. A linear output is right for a loss "with logits", whatever folklore says.

    Experiment
        The same program with the output activation removed, or the one that the loss wants put on: the loss
        stays in its domain and ends far lower.

    Fix
        End the model in the activation that the loss expects, or use the loss that expects the activation.

    References
        https://github.com/jvargasmu/population_estimation/issues/68
        https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    name = "output-activation-mismatch"
    row = "S2"
    title = "the output activation does not fit the loss"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        for call in case.calls:
            if call.input is None:
                continue
            found = self._judge(case, call, call.input)
            if found is not None:
                return found
        by_hand = self._formula(case)
        if by_hand is not None:
            return by_hand
        main = case.main_call
        if main is None or main.input is None:
            return None
        facts = main.input
        linear = facts.origin in ("Addmm", "Mm", "Linear", "Bmm", "Convolution", "Baddbmm")
        produced = "a linear output" if linear else f"an output of {facts.origin}" if facts.origin else "an output"
        spread = f"from {number(facts.minimum)} to {number(facts.maximum)}"
        if main.name in ("cross_entropy", "binary_cross_entropy_with_logits"):
            if facts.origin in ("Sigmoid", "Softmax"):
                # Told by double-sigmoid and softmax-before-cross-entropy.
                return None
            return RuledOut(
                f"{main.name} wants any real number, as a linear output gives, and gets {produced}, {spread}"
            )
        return RuledOut(f"what enters {main.name} ({produced}, {spread}) lies in its domain")

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        from flatline.causes.dead_relu import DeadRelu
        from flatline.causes.softmax_wrong_dim import SoftmaxWrongDim

        if not isinstance(decision, Found) or isinstance(SoftmaxWrongDim().decide(case), Found):
            # Scores that are normalised elsewhere are put right by one more softmax as well: that cause tells it.
            return []
        changes = self._replacement(case, decision)
        dying = DeadRelu().decide(case)
        if not changes or (isinstance(dying, Found) and dying.level is Level.LIKELY):
            # An output that is 0 throughout comes alive with the same change: that cause tells it.
            return []
        return [
            Experiment(
                "does the loss become what it should be when the output activation is replaced?",
                changes,
                contrast(
                    changes[0].name,
                    lambda control: (
                        control.stuck
                        or not finite(control)
                        or bool((loss(control) < 0).any())
                        or math.isfinite(control.explained)
                    ),
                    _in_domain,
                    "with an output in the loss's domain the same training brings the loss down",
                ),
                steps=case.recording.steps or None,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.drop_call import drop_call
        from flatline.fixes.rename_call import rename_call
        from flatline.fixes.replace_expression import wrap_assigned
        from flatline.fixes.set_argument import set_argument

        names = {c.name for c in case.calls} | {c.name for c in case.recording.all(CriterionCall) if c.error}
        single = {"softmax": "sigmoid"}
        losses = {
            "BCELoss": "BCEWithLogitsLoss",
            "binary_cross_entropy": "binary_cross_entropy_with_logits",
            "NLLLoss": "CrossEntropyLoss",
            "nll_loss": "cross_entropy",
        }
        kinds = ("relu", "tanh", "softplus", "hardtanh", "sigmoid", "softmax")
        classes = ("ReLU", "Tanh", "Softplus", "Hardtanh", "Sigmoid", "Softmax")
        made: list[Patch] = []
        if "binary_cross_entropy" in names:
            text = "A single output becomes a probability by a sigmoid."
            made += candidates(text, rename_call(single, keep=()), [found.line])
        if names & {"binary_cross_entropy", "nll_loss"}:
            text = "The loss takes the linear output that the model gives."
            return made + candidates(text, rename_call(losses), calls(case, *losses))
        if "poisson_nll_loss" in names:
            text = "The output is the logarithm of the rate, which may be any number."
            edit = set_argument(("PoissonNLLLoss", "poisson_nll_loss"), "log_input", "True", 0, add=False)
            return candidates(text, edit, calls(case, "PoissonNLLLoss", "poisson_nll_loss"))
        if any(a.kind == "log" for b in case.backwards[:3] for a in b.activations):
            edit = wrap_assigned("torch.sigmoid(")
            return candidates("What the logarithm is taken of is a probability.", edit, self._logs(case, found))
        text = "The output stays linear: any number."
        return candidates(text, drop_call(*kinds, *classes), [found.line])

    @staticmethod
    def _logs(case: Case, found: Found) -> list[Line | None]:
        """Where a name is given its value that the blamed line takes the logarithm of; or the line itself."""
        lines: list[Line | None] = []
        for place in (found.line, case.criterion_line):
            if place is None:
                continue
            source = SourceFile(case.recording, place.file)
            for call in source.calls_of("log"):
                for name in [ast.unparse(part) for part in ast.walk(call) if isinstance(part, ast.Name)]:
                    lines += [source.line(s.lineno) for s in source.assignments(name) if isinstance(s, ast.Assign)]
        return lines

    @staticmethod
    def _replacement(case: Case, decision: Found) -> list[Change]:
        names = {c.name for c in case.calls} | {c.name for c in case.recording.all(CriterionCall) if c.error}
        kinds = ["relu", "tanh", "softplus", "hardtanh", "sigmoid", "softmax"]
        if "binary_cross_entropy" in names:
            softmax = any(c.input is not None and c.input.origin == "Softmax" for c in case.calls)
            add = Change("output", {"how": "add", "function": "sigmoid"})
            return [Change("output", {"how": "remove", "kinds": kinds}), add] if softmax else [add]
        if "nll_loss" in names:
            return [Change("output", {"how": "add", "function": "log_softmax"})]
        if "poisson_nll_loss" in names:
            return [Change("output", {"how": "add", "function": "softplus"})]
        if "expression" in names:
            logs = any(a.kind == "log" and a.minimum < 0 for b in case.backwards[:3] for a in b.activations)
            if logs:
                return [Change("operation", {"names": ["log"], "by": "logsigmoid"})]
            return [Change("operation", {"names": kinds, "by": "identity", **at(named(decision))})]
        return [Change("output", {"how": "remove", "kinds": kinds})]

    def _judge(self, case: Case, call: CriterionCall, facts: TensorFacts) -> Decision | None:
        if call.name == "binary_cross_entropy":
            if call.error is not None or facts.minimum < 0 or facts.maximum > 1:
                return self._found(
                    case,
                    call,
                    f"{number(facts.minimum)} to {number(facts.maximum)}",
                    "probabilities, 0 to 1",
                    "Apply a sigmoid to the output, or use BCEWithLogitsLoss on the linear output.",
                    0.99,
                )
            if facts.origin == "Softmax" and facts.minimum == facts.maximum == 1.0:
                return self._found(
                    case,
                    call,
                    f"1 for every sample (softmax of shape {tuple(facts.shape)} over one value)",
                    "probabilities that depend on the input",
                    "A softmax over one output is always 1: use a sigmoid, or BCEWithLogitsLoss.",
                    0.99,
                    "softmax",
                )
        if call.name == "nll_loss" and call.exp_rows:
            least, most = call.exp_rows
            if abs(least - 1) > ROW_SUM or abs(most - 1) > ROW_SUM:
                return self._found(
                    case,
                    call,
                    f"rows whose exp sums to {number(least)} to {number(most)}",
                    "log-probabilities: exp of each row sums to 1",
                    "Apply log_softmax to the output, or use CrossEntropyLoss on the linear output.",
                    0.99,
                )
        if call.name in ("cross_entropy", "binary_cross_entropy_with_logits"):
            if facts.origin in ("Relu", "Tanh", "Softplus", "Hardtanh"):
                low, high = _RANGE[facts.origin]
                if call.name == "cross_entropy" and facts.origin in ("Relu", "Softplus") and case.explained > 0.5:
                    # Non-negative logits can still differ by any amount: a limit, but not what stops this program.
                    return None
                return self._found(
                    case,
                    call,
                    f"the output of {facts.origin.lower()}: {number(low)} to {number(high)}",
                    "logits: any real number",
                    f"Remove the {facts.origin.lower()} after the last layer: this loss wants the linear output.",
                    0.95,
                    facts.origin.lower(),
                )
        if call.name == "poisson_nll_loss" and case.has("non-finite-loss"):
            return (
                self._found(
                    case,
                    call,
                    f"{number(facts.minimum)} to {number(facts.maximum)}",
                    "a positive rate, for log_input=False",
                    "Pass log_input=True, or give a positive rate (softplus or exp of the output).",
                    0.9,
                )
                if facts.minimum <= 0
                else None
            )
        if call.name in (*REGRESSION, "expression") and call.target is not None:
            return self._regression(case, call, facts, call.target)
        return None

    def _regression(self, case: Case, call: CriterionCall, facts: TensorFacts, target: TensorFacts) -> Decision | None:
        limits = _RANGE.get(facts.origin)
        if limits is None or not math.isfinite(target.minimum):
            return None
        if call.name == "expression" and not _distance(case, call):
            # A formula need not pull its output to what stands beside it: advantages and masks are factors.
            return None
        low, high = limits
        slack = 1e-6 * max(1.0, abs(target.minimum), abs(target.maximum))
        if target.minimum >= low - slack and target.maximum <= high + slack:
            return None
        share = outside(case, low, high)
        if share < SHARE:
            return None
        return self._found(
            case,
            call,
            f"{facts.origin.lower()} gives {number(low)} to {number(high)}; "
            f"{share:.0%} of the targets, {number(target.minimum)} to {number(target.maximum)}, are outside",
            "an output that can reach every target",
            f"Remove the {facts.origin.lower()} from the output, or scale the targets into its range.",
            0.95,
            facts.origin.lower(),
        )

    def _formula(self, case: Case) -> Decision | None:
        """A log of something that is not confined to positive numbers, in a loss written by hand."""
        for backward in case.backwards[:3]:
            for activation in backward.activations:
                if activation.kind == "log" and activation.minimum < 0 and activation.depth <= 3:
                    return Found(
                        Level.LIKELY,
                        0.9,
                        case.criterion_line,
                        [
                            Evidence(
                                "argument of log in the loss",
                                f"{number(activation.minimum)} to {number(activation.maximum)}",
                                "probabilities, above 0",
                            )
                        ],
                        "Apply a sigmoid or softmax to the output first, or use a loss that takes logits.",
                    )
        return None

    def _found(
        self,
        case: Case,
        call: CriterionCall,
        measured: str,
        expected: str,
        fix: str,
        confidence: float,
        kind: str = "",
    ) -> Found:
        line = activation_line(case, kind, call.place) if kind else case.call_line(call)
        evidence = [Evidence(f"what enters {call.name}", measured, expected)]
        if call.error is not None:
            evidence.append(Evidence("the criterion refused it", call.error.splitlines()[0][:160]))
        elif math.isfinite(case.last_value):
            evidence.append(Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"))
        return Found(Level.LIKELY, confidence, line, evidence, fix)


def outside(case: Case, low: float, high: float) -> float:
    """Share of the kept targets that lie outside a range."""
    total = beyond = 0
    for rows in case.recording.rows:
        if rows.target is not None and rows.gradient:
            total += rows.target.size
            beyond += int(((rows.target < low) | (rows.target > high)).sum())
    return beyond / total if total else 0.0


def _distance(case: Case, call: CriterionCall) -> bool:
    """Whether a loss written as a formula is a mean or sum of squared or absolute differences."""
    backward = next((b for b in case.backwards if b.tick >= call.tick - 2 and b.step == call.step), None)
    head = [name for name in backward.head[:5] if name not in ("Div", "Mul")] if backward is not None else []
    absolute = len(head) > 2 and head[0] in ("Mean", "Sum") and head[1] == "Abs" and head[2].startswith(("Sub", "Rsub"))
    root = [] if not head or head[0] != "Sqrt" else head[1:]
    squared = is_squared_error(case.recording, call, scaled=True)
    return squared or absolute or (len(root) > 2 and root[1] == "Pow" and root[2].startswith(("Sub", "Rsub")))


def _in_domain(control: Case, trial: Case) -> bool:
    values = loss(trial)
    if not finite(trial) or not trial.improves:
        return False
    if finite(control) and bool((loss(control) < 0).any()):
        # A log-loss below 0 is no loss; in the domain it cannot be.
        return not bool((values < 0).any())
    return not finite(control) or clearly_lower(control, trial)
