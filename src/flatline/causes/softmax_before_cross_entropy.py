from __future__ import annotations

import itertools
import math

from flatline.causes.activations import activation_line
from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast, criterion, last
from flatline.causes.places import calls, candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch

# A row of float32 probabilities sums to 1 within a few units in the last place for each of its terms; 1e-4 is far
# above that and far below what a row of logits would do by chance in every sample of a batch.
ROW_SUM = 1e-4
# One measured step could lie in a narrow range by chance; the whole run of a model that learns does not.
PASSES = 10


class SoftmaxBeforeCrossEntropy(Cause):
    """Probabilities enter a cross entropy that takes logits: it applies its own softmax to them.

    What you see
        The loss falls slowly and stops at a floor; confidence cannot reach 1.

    What is measured
        The autograd node behind the criterion's input; its range, and its sums along the class dimension. The floor
        is log(1 + (C-1)/e), reached when one probability is 1 and the others 0.

    How it is told apart
        The gradient exists and every weight moves. A log-softmax before cross entropy is harmless: applied twice it
        gives the same.

    Experiment
        The same program with the softmax left out: the loss goes below the floor, which it cannot with it.

    Fix
        Return the logits, and apply softmax only where probabilities are wanted.

    References
        https://github.com/ariecattan/SciCo/issues/2
        https://github.com/illiterate/BertClassifier/issues/2
    """

    name = "softmax-before-cross-entropy"
    row = "F1"
    title = "cross entropy takes logits and was given probabilities"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        calls = [c for c in case.calls_named("cross_entropy") if c.input is not None and c.classes > 1]
        if not calls:
            return self._by_hand(case)
        for call in calls:
            facts = call.input
            assert facts is not None
            if facts.origin in ("Softmax", "Sigmoid", "Hardsigmoid"):
                how = f"the output of {facts.origin.lower()}"
            elif _probabilities(facts.minimum, facts.rows):
                how = "each row is at least 0 and sums to 1"
            else:
                continue
            floor = math.log(1 + (call.classes - 1) / math.e)
            return Found(
                Level.LIKELY,
                0.99,
                activation_line(case, facts.origin.lower() or "softmax", call.place),
                [
                    Evidence("what enters the cross entropy", how, "logits: any real number"),
                    Evidence("range of it", f"{number(facts.minimum)} to {number(facts.maximum)}"),
                    Evidence(f"least loss that {call.classes} classes allow so", number(floor), "0"),
                    Evidence("loss at the end", number(case.last_value)),
                ],
                "Remove the softmax before the loss; CrossEntropyLoss applies log-softmax itself.",
            )
        facts = calls[0].input
        assert facts is not None
        return RuledOut(
            f"the cross entropy is given logits, from {number(facts.minimum)} to {number(facts.maximum)}"
            + (f", out of {facts.origin}" if facts.origin else "")
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        functional = any(c.classes > 1 for c in case.calls_named("cross_entropy"))
        # In a formula, a logarithm of the probabilities takes the place of their log-softmax.
        change = Change("operation", {"names": ["log_softmax"], "by": "log"})
        if functional:
            change = Change("output", {"how": "remove", "kinds": ["softmax", "sigmoid", "hardsigmoid"]})
        return [
            Experiment(
                "does the loss go below the floor when the softmax before it is left out?",
                [change],
                contrast(
                    change.name,
                    lambda control: last(control, criterion) >= 0.98 * _floor(control),
                    lambda control, trial: (
                        min(last(trial, criterion), float(criterion(trial).min())) < 0.95 * _floor(control)
                        and last(trial, criterion) < last(control, criterion)
                    ),
                    "without the softmax the loss goes below what a softmax allows",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.drop_call import drop_call

        names = ("softmax", "Softmax", "sigmoid", "Sigmoid", "hardsigmoid", "Hardsigmoid")
        lines = [found.line, *calls(case, *names)]
        return candidates("What enters the cross entropy is left as it is: logits.", drop_call(*names), lines)

    def _by_hand(self, case: Case) -> Decision | None:
        """A log-softmax of a softmax in the graph of a loss written as a formula."""
        confined = self._confined(case)
        if confined is not None:
            return confined
        for backward in case.backwards:
            kinds = [(a.kind, a.depth, a.shape) for a in backward.activations]
            for first, second in itertools.pairwise(kinds):
                if (
                    first[0] == "log_softmax"
                    and second[0] == "softmax"
                    and second[1] == first[1] + 1
                    and (first[2] == second[2] and adjacent(backward.head, "LogSoftmax", "Softmax"))
                ):
                    return Found(
                        Level.LIKELY,
                        0.95,
                        activation_line(case, "softmax", backward.place),
                        [
                            Evidence(
                                "order of operations before the loss", "softmax, then log_softmax", "log_softmax only"
                            )
                        ],
                        "Remove the softmax: log_softmax takes logits.",
                    )
        return None

    def _confined(self, case: Case) -> Decision | None:
        """Log-softmax of a quotient that always stays where log-softmax of probabilities must be."""
        found = [
            (b, a)
            for b in case.backwards
            for a in b.activations
            if a.kind == "log_softmax" and a.depth == 1 and a.dimension is not None and a.dimension < len(a.shape)
        ]
        if len(found) < PASSES or not all(adjacent(b.head, "LogSoftmax", "Div") for b, _ in found):
            return None
        classes = found[0][1].shape[found[0][1].dimension or 0]
        # Probabilities lie in [0, 1], so the log-softmax lies between that of (0, 1, 0, …) and that of (1, 0, …).
        low, high = -math.log(math.e + classes - 1), 1 - math.log(math.e + classes - 1)
        if classes < 2 or any(a.minimum < low - ROW_SUM or a.maximum > high + ROW_SUM for _, a in found):
            return None
        return Found(
            Level.LIKELY,
            0.9,
            activation_line(case, "softmax", found[0][0].place),
            [
                Evidence(
                    "range of the log-softmax over the whole run",
                    f"{number(min(a.minimum for _, a in found))} to {number(max(a.maximum for _, a in found))}",
                    f"unbounded; of probabilities, {number(low)} to {number(high)}",
                ),
                Evidence("what enters the log-softmax", "a quotient, as of exp(z) by its sum", "logits"),
            ],
            "Remove the softmax before the loss: log_softmax takes logits.",
        )


def adjacent(head: list[str], one: str, other: str) -> bool:
    """Whether ``other`` follows ``one`` in the graph's head with nothing but views between."""
    if one not in head:
        return False
    rest = head[head.index(one) + 1 :]
    quiet = ("View", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Clone", "Select", "Slice")
    for name in rest:
        if name == other:
            return True
        if not name.startswith(quiet):
            return False
    return False


def _probabilities(minimum: float, rows: list[float]) -> bool:
    return minimum >= 0 and len(rows) == 6 and abs(rows[0] - 1) < ROW_SUM and abs(rows[1] - 1) < ROW_SUM


def _floor(case: Case) -> float:
    """The least loss that probabilities allow as logits: one of them 1, the others 0."""
    classes = max((c.classes for c in case.calls), default=-1)
    for backward in case.backwards if classes < 2 else []:
        for activation in backward.activations:
            dimension = activation.dimension
            if activation.kind == "log_softmax" and dimension is not None and dimension < len(activation.shape):
                classes = max(classes, activation.shape[dimension])
    return math.log(1 + (max(classes, 2) - 1) / math.e)
