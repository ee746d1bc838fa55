from __future__ import annotations

import math

from flatline.causes.activations import activation_line
from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import at, contrast, criterion, last, named
from flatline.causes.places import calls, candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Backward

# 1 / (1 + 1/e), with room for the rounding of float32.
SIGMOID_OF_ONE = 0.73107


class DoubleSigmoid(Cause):
    """Probabilities enter BCEWithLogitsLoss, which applies its own sigmoid to them.

    What you see
        The loss falls a little and stops; every predicted probability lies between 0.5 and 0.731.

    What is measured
        The autograd node behind the criterion's input and its range; for a loss written by hand, two sigmoids in a row
        in the graph. With p in [0, 1] the least loss of a negative is log(1 + e^0) = 0.693, of a positive
        log(1 + e^-1) = 0.313.

    How it is told apart
        As ``softmax-before-cross-entropy``, for two classes. A sigmoid before BCELoss is right.

    Experiment
        The same program with one of the sigmoids left out: the loss goes below the floor, which two cannot.

    Fix
        Return the logit; or use BCELoss with the sigmoid.

    References
        https://github.com/yudi-mars/daisyRec/pull/15
        https://github.com/itakurah/focal-loss-pytorch/pull/5
    """

    name = "double-sigmoid"
    row = "F2"
    title = "BCEWithLogits takes logits and was given probabilities"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        calls = [c for c in case.calls_named("binary_cross_entropy_with_logits") if c.input is not None]
        for call in calls:
            assert call.input is not None
            if call.input.origin in ("Sigmoid", "Softmax", "Hardsigmoid"):
                return self._found(
                    case,
                    call.input.origin.lower(),
                    call.place,
                    [
                        Evidence("what enters BCEWithLogits", f"the output of {call.input.origin.lower()}", "a logit"),
                        Evidence("range of it", f"{number(call.input.minimum)} to {number(call.input.maximum)}"),
                        Evidence("least loss that allows", "0.693 for a negative, 0.313 for a positive", "0"),
                    ],
                )
        if calls:
            return RuledOut(
                f"BCEWithLogits is given no sigmoid's output but one of {calls[0].input.origin or 'a leaf'}"
                if calls[0].input
                else "its input is no sigmoid's output"
            )
        # A sigmoid of something in [0, 1] lies between 0.5 and sigmoid(1) = 0.7311, in every step.
        twice = [b for b in case.backwards if _confined(b)]
        if twice and len(twice) == len(case.backwards):
            return self._found(
                case,
                "sigmoid",
                twice[0].place,
                [
                    Evidence("activations before the loss", "a sigmoid of a sigmoid", "one sigmoid"),
                    Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
                ],
            )
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        functional = bool(case.calls_named("binary_cross_entropy_with_logits"))
        change = Change("operation", {"names": ["sigmoid"], "by": "identity", **at(named(decision))})
        if functional:
            change = Change("output", {"how": "remove", "kinds": ["sigmoid", "softmax", "hardsigmoid"]})
        return [
            Experiment(
                "does the loss go below the floor when one of the two sigmoids is left out?",
                [change],
                contrast(
                    change.name,
                    lambda control: last(control, criterion) >= 0.98 * _floor(control),
                    lambda control, trial: last(trial, criterion) < 0.95 * _floor(control),
                    "with one sigmoid the loss goes below what two allow",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.drop_call import drop_call
        from flatline.fixes.rename_call import rename_call

        # First the loss: what the model gives elsewhere, for a threshold at 0.5, then stays a probability.
        plain = {
            "BCEWithLogitsLoss": "BCELoss",
            "binary_cross_entropy_with_logits": "binary_cross_entropy",
        }
        sigmoids = ("sigmoid", "Sigmoid", "hardsigmoid", "Hardsigmoid", "softmax", "Softmax")
        return [
            *candidates(
                "The loss takes the probabilities that the model gives.",
                rename_call(plain, refused={"pos_weight"}),
                calls(case, *plain),
            ),
            *candidates(
                "One of the two sigmoids is left out.", drop_call(*sigmoids), [found.line, *calls(case, *sigmoids)]
            ),
        ]

    @staticmethod
    def _found(case: Case, kind: str, place: int | None, evidence: list[Evidence]) -> Found:
        return Found(
            Level.LIKELY,
            0.98,
            activation_line(case, kind, place),
            evidence,
            "Remove the sigmoid before the loss: BCEWithLogitsLoss applies its own.",
        )


def _confined(backward: Backward) -> bool:
    """Whether the last sigmoid before the loss, be there logarithms between, stays where that of a sigmoid must."""
    last = [a for a in backward.activations if a.kind != "log"][:2]
    return (
        [a.kind for a in last] == ["sigmoid", "sigmoid"]
        and last[0].shape == last[1].shape
        and last[1].depth == last[0].depth + 1
        and last[0].minimum >= 0.5
        and last[0].maximum <= SIGMOID_OF_ONE
    )


def _floor(case: Case) -> float:
    """The least loss that a probability allows as a logit: 0.313 for a positive, 0.693 for a negative."""
    means = [c.target.mean for c in case.calls if c.target is not None and math.isfinite(c.target.mean)]
    positive = sum(means) / len(means) if means else 0.0
    return positive * math.log(1 + math.exp(-1)) + (1 - positive) * math.log(2)
