from __future__ import annotations

import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import contrast, loss
from flatline.changes import Change
from flatline.observe.events import Activation, Backward
from flatline.record.recording import Line

MARGINS = (
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "margin_ranking_loss",
    "hinge_embedding_loss",
    "cosine_embedding_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
)
# Untrained embeddings know nothing, so each pair or triplet is in the wrong order, or within the margin, with
# probability 1/2 or more: that all of n are settled beyond the margin has a probability of at most 2^-n.
IMPOSSIBLE = 1e-6
# Of the measured batches: what holds for most of them is what training sees.
SHARE = 0.5


class InactiveMargin(Cause):
    """Every pair or triplet already keeps the margin: the hinge is 0 for all of them, and so is the gradient.

    What you see
        The loss is exactly 0, soon or from the first step, while the embeddings are no good.

    What is measured
        The share of terms under the hinge that are above 0, from the autograd graph or the value of the margin loss,
        at the first step and after; the probability of that for embeddings that know nothing.

    How it is told apart
        A loss that comes down from about the margin has learned; here it is 0 before any learning, so the pairs are too
        easy, whatever the model. ``embedding-collapse``: there the loss stays AT the margin.

    Experiment
        A margin larger than every distance: the loss is above 0, and the weights move.

    Fix
        Mine hard or semi-hard negatives; a positive that is another sample, not a copy; a margin on the scale of the
        distances.

    References
        https://github.com/omoindrot/tensorflow-triplet-loss/issues/27
        https://github.com/omoindrot/tensorflow-triplet-loss/issues/25
        https://github.com/HanjiangHu/DASGIL/issues/7
    """

    name = "inactive-margin"
    row = "Z8"
    title = "every pair already keeps the margin, so the loss and its gradient are 0"
    before_training = Level.LIKELY
    choices = (
        Choice("Mine hard negatives.", "a pass over embeddings for each batch; noise in the labels counts more"),
        Choice("Raise the margin.", "a number to choose; too large, and the embeddings collapse"),
        Choice("Stop here, where retrieval on held-out data is good.", "none"),
    )

    def decide(self, case: Case) -> Decision | None:
        hinges = [(b, hinge_of(b)) for b in case.backwards]
        seen = [(b, hinge) for b, hinge in hinges if hinge is not None]
        named = case.main_call is not None and case.main_call.name in MARGINS
        if case.curve is None or not (seen or named):
            return None
        zeros = case.curve.values == 0
        if zeros.mean() < SHARE:
            return RuledOut(f"the hinge is above 0 in {int((~zeros).sum())} of {len(zeros)} steps")
        if len({u.optimizer for u in case.updates}) > 1:
            # Two players, as in a GAN: that one has won is for another cause to say.
            return None
        terms = self._terms(case, seen)
        chance = 2.0 ** -min(terms, 1000)
        evidence = [
            Evidence("steps whose loss is exactly 0", f"{int(zeros.sum())} of {len(zeros)}", "few"),
        ]
        worst = max((a.maximum for _, a in seen if a.kind != "relu"), default=math.nan)
        if math.isfinite(worst):
            evidence.append(Evidence("greatest term under the hinge", f"{worst:.4g}", "some above 0"))
        early = bool(zeros[0]) and chance < IMPOSSIBLE
        if early:
            evidence.append(
                Evidence(
                    f"chance that {terms} pairs keep the margin without any training",
                    f"at most 1 in 10^{terms * math.log10(2):.0f}",
                )
            )
            return Found(
                Level.LIKELY,
                0.96,
                self._line(case),
                evidence,
                "The pairs are too easy for this margin: mine the hardest negatives of a batch, use another sample as "
                "the positive, or set the margin on the scale of the distances.",
            )
        return Found(
            Level.POSSIBLE,
            0.4,
            self._line(case),
            evidence,
            "All pairs keep the margin by now: if retrieval on held-out data is poor, mine harder negatives.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        functional = case.main_call is not None and case.main_call.name in MARGINS
        # Greater than any distance that was seen: every pair is then under the hinge.
        seen = [abs(a.minimum) + abs(a.maximum) for b, a in ((b, hinge_of(b)) for b in case.backwards) if a is not None]
        margin = 1000.0 + 10 * max((v for v in seen if math.isfinite(v)), default=0.0)
        change = Change("operation", {"names": ["relu", "clamp", "clamp_min"], "by": "shift", "amount": margin})
        if functional:
            change = Change("option", {"key": "margin", "value": margin})
        return [
            Experiment(
                "is the loss above 0, and do the weights move, with a larger margin?",
                [change],
                contrast(
                    change.name,
                    lambda control: bool((loss(control)[:5] == 0).all()),
                    lambda control, trial: bool((loss(trial)[:1] > 0).all()) and trial.moves,
                    "with a larger margin the same pairs give a loss and move the weights: the pairs were too easy for it",
                    "with a larger margin the loss is 0 as well",
                    lambda control, trial: bool((loss(trial) == 0).all()),
                ),
                steps=5,
            )
        ]

    @staticmethod
    def _terms(case: Case, seen: list[tuple[Backward, Activation]]) -> int:
        """How many pairs were judged before the weights moved, and while the loss was 0, in the measured steps."""
        if seen:
            return sum(math.prod(a.shape) for b, a in seen if b.value == 0)
        main = case.main_call
        calls = [c for c in case.calls if main is not None and c.series == main.series and c.value == 0]
        return sum(c.input.shape[0] for c in calls if c.input is not None and c.input.shape)

    @staticmethod
    def _line(case: Case) -> Line | None:
        main = case.main_call
        if main is not None and main.built is not None:
            return case.recording.line(main.built)
        return case.criterion_line


def hinge_of(backward: Backward) -> Activation | None:
    """The hinge that the loss is a mean or sum of, when its terms are differences."""
    head = backward.head
    position = next((i for i, name in enumerate(head[:4]) if name in ("Relu", "ClampMin", "ClampBackward1")), -1)
    if position < 1 or not head[0].startswith(("Mean", "Sum", "Div")) or len(head) <= position + 1:
        return None
    under = head[position + 1 : position + 4]
    if not any(name.startswith(("Sub", "Rsub", "Add")) for name in under):
        return None
    kinds = ("relu", "clamp_min", "clamp")
    return next((a for a in backward.activations if a.kind in kinds and a.depth == 1), None)
