from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.inactive_margin import MARGINS, hinge_of
from flatline.causes.judging import contrast, last
from flatline.changes import Change
from flatline.observe.events import CriterionCall, Sample
from flatline.record.recording import Floats

# Embeddings that still tell samples apart vary about as much at the end as at the start. A tenth of the deviation is a
# hundredth of the variance: 99 % of what told the samples apart is gone.
SHRUNK = 0.1
# A hinge whose terms all equal its margin has distances that are 0: equal within a tenth of the margin.
EQUAL = 0.1
# Two samples at an angle with cosine 0.99 (8 degrees) point the same way; unrelated directions in d dimensions have a
# cosine of about 1 / sqrt(d).
SAME = 0.99
# How much of the fall of a distance between two trained codes comes from the codes shrinking, in logarithms.
FROM_SHRINKING = 0.5
# In fewer steps than this nothing can be said of a course.
FEWEST = 20


class EmbeddingCollapse(Cause):
    """The embeddings of all samples have become one and the same point, which fulfils the loss or stops it.

    What you see
        A triplet loss that comes down to its margin and stays there; a similarity of two views that goes to its best
        value (-1, or 0 for a distance) at once; a loss in a learned latent space that falls to 0.

    What is measured
        The deviation of the embeddings from sample to sample, at the start and at the end; the cosine between different
        samples; whether all terms of a hinge are equal; how much of the loss's fall is the shrinking of its own target.

    How it is told apart
        ``inactive-margin``: there the embeddings are spread out and the loss is 0. A classifier or a regression whose
        outputs become alike has targets that hold it; here the loss compares outputs with outputs.

    Experiment
        Each sample paired with another's partner, at random (or the samples in another order than their identities): a
        loss that measures the pairs cannot fall so, a collapsed one falls as far.

    Fix
        Self-supervision: stop the gradient on one side (detach), add a predictor, or a variance term, or negatives.
        Triplets: a lower rate, semi-hard negatives first, embeddings of unit length.

    References
        https://github.com/PatrickHua/SimSiam/issues/50
        https://github.com/omoindrot/tensorflow-triplet-loss/issues/6
        https://github.com/omoindrot/tensorflow-triplet-loss/issues/37
        https://github.com/VisualComputingInstitute/triplet-reid/issues/30
    """

    name = "embedding-collapse"
    row = "F17"
    title = "the embeddings of all samples have become one point"
    before_training = Level.POSSIBLE
    choices = (
        Choice("Lower the rate, or warm it up.", "longer training"),
        Choice("Normalise the embeddings, or add a variance term.", "one more term to weigh"),
        Choice("Stop the gradient through one branch.", "another method, with settings of its own"),
    )

    def decide(self, case: Case) -> Decision | None:
        if case.curve is None or len(case.curve) < FEWEST or not case.moves:
            return None
        return self._latent(case) or self._at_margin(case) or self._same_direction(case)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the loss fall as far when each sample is paired with another's?",
                [change],
                contrast(
                    change.name,
                    lambda control: last(control) < control.first_value,
                    _as_far,
                    "with the pairs torn apart the loss falls as far: it is brought down by making all codes alike",
                    "with the pairs torn apart the loss does not fall so far: it measures the pairs",
                    lambda control, trial: not _as_far(control, trial),
                ),
                steps=case.recording.steps,
            )
            # Where the loss has no target, the samples themselves change places.
            for change in (Change("targets", {"how": "permute"}), Change("inputs", {"how": "rows"}))
        ]

    @staticmethod
    def _latent(case: Case) -> Decision | None:
        """A distance between two trained codes, which falls because both shrink."""
        main = case.main_call
        if main is None or main.name not in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
            return None
        calls = [c for c in case.calls if c.series == main.series and _both_trained(c)]
        spreads = [c.target.spread for c in calls if c.target is not None and math.isfinite(c.target.spread)]
        if len(spreads) < 4 or main.value is None or spreads[0] <= 0:
            return None
        start, end = float(np.mean(spreads[:2])), float(np.mean(spreads[-2:]))
        values = [c.value for c in calls if c.value is not None and c.value > 0]
        if len(values) < 4 or values[-1] >= values[0]:
            return None
        # A squared distance of codes that shrink by s falls by s².
        power = 2 if main.name == "mse_loss" else 1
        share = power * math.log(start / max(end, 1e-30)) / math.log(values[0] / values[-1])
        if end > SHRUNK * start or share < FROM_SHRINKING:
            return RuledOut(f"the codes keep their spread: {number(start)} at first, {number(end)} at the end")
        return Found(
            Level.LIKELY,
            0.93,
            case.call_line(main),
            [
                Evidence(
                    "deviation of the target codes between samples, first to last",
                    f"{number(start)} to {number(end)}",
                    "about the same",
                ),
                Evidence("loss, first to last", f"{number(values[0])} to {number(values[-1])}"),
                Evidence("part of its fall that is the shrinking of the codes", f"{min(share, 1):.0%}", "little"),
                Evidence("the target's own gradient", "flows into the model", "stopped, or the spread held otherwise"),
            ],
            "Stop the gradient of the target (detach, or a slowly moving copy of the encoder), or add a term that keeps "
            "the variance of the codes.",
        )

    @staticmethod
    def _at_margin(case: Case) -> Decision | None:
        """A hinge over distances whose terms are all its margin, because all distances are 0."""
        hinges = [(b, h) for b in case.backwards if (h := hinge_of(b)) is not None]
        main = case.main_call
        named = main is not None and main.name in MARGINS
        if not hinges or (main is not None and main.name not in (*MARGINS, "expression")):
            return None
        outputs = _predictions(case)
        if len(outputs) < 4:
            return None
        start, end = _deviation(outputs[:2]), _deviation(outputs[-2:])
        hinge = hinges[-1][1]
        equal = hinge.minimum > 0 and hinge.maximum - hinge.minimum < EQUAL * hinge.maximum
        if end > SHRUNK * start or not equal:
            return RuledOut(
                f"the embeddings differ between samples: deviation {number(start)} at first, {number(end)} at the end"
            )
        margin = main.options.get("margin") if named and main is not None else None
        return Found(
            Level.LIKELY,
            0.94,
            case.criterion_line,
            [
                Evidence(
                    "deviation of the embeddings between samples, first to last",
                    f"{number(start)} to {number(end)}",
                    "not shrinking",
                ),
                Evidence(
                    "terms of the hinge at the end",
                    f"{number(hinge.minimum)} to {number(hinge.maximum)}",
                    "below the margin for most pairs",
                ),
                Evidence(
                    "loss at the end" + (f" (margin {margin})" if margin is not None else ""),
                    f"{number(case.last_value)}, the margin itself",
                    "below the margin",
                ),
            ],
            "Lower the learning rate, start with semi-hard or random negatives, and give the embeddings unit length: "
            "with the hardest pairs of untrained embeddings one point is the way down.",
        )

    @staticmethod
    def _same_direction(case: Case) -> Decision | None:
        """A similarity of two views that is at its best, while different samples are as similar."""
        if not any(_cosine(b.head) for b in case.backwards[:3]):
            return None
        outputs = _predictions(case)
        if len(outputs) < 4:
            return None
        last = case.last_value
        if len(outputs[-1]) < 4 or min(abs(last + 1), abs(last)) > 1 - SAME:
            # Neither -cosine nor 1 - cosine is at its best.
            return RuledOut(f"the similarity is not at its best: the loss is {number(last)}")
        similar = float(np.median([_similarity(o) for o in outputs[-2:]]))
        if similar < SAME:
            return RuledOut(f"different samples have a cosine of {similar:.3f}: they are told apart")
        return Found(
            Level.LIKELY,
            0.93,
            case.criterion_line,
            [
                Evidence("mean cosine between different samples, at the end", f"{similar:.4f}", "well below 1"),
                Evidence("the same at the start", f"{_similarity(outputs[0]):.4f}"),
                Evidence("loss at the end", number(last), "its best value only for views of one sample"),
            ],
            "Nothing keeps different samples apart: stop the gradient on one side and add a predictor (SimSiam), or use "
            "negatives (InfoNCE), or a variance term (VICReg).",
        )


def _both_trained(call: CriterionCall) -> bool:
    return call.input is not None and call.target is not None and call.input.requires_grad and call.target.requires_grad


def _cosine(head: list[str]) -> bool:
    """A product of two normalised tensors, summed: what cosine similarity is made of in the graph."""
    names = [name.removesuffix("Backward1") for name in head]
    if "CosineSimilarity" in names:
        return True
    return any(names[i : i + 4] == ["Sum", "Mul", "Div", "Div"] for i in range(len(names)))


def _predictions(case: Case) -> list[Floats]:
    """What the models gave in training, on the measured steps; only outputs that are one vector a sample."""
    found: list[Floats] = []
    width = 0
    for sample in case.recording.all(Sample):
        if sample.role != "prediction" or not sample.gradient or len(sample.shape) != 2 or sample.shape[0] < 2:
            continue
        # One model's outputs only, the first's: a program may embed texts and pictures with two.
        width = width or sample.shape[1]
        if sample.shape[1] == width and width > 1:
            found.append(np.frombuffer(sample.data, np.dtype(sample.dtype)).reshape(sample.shape).astype(float))
    return [o for o in found if np.all(np.isfinite(o))]


def _deviation(outputs: list[Floats]) -> float:
    return float(np.mean([o.std(0).mean() for o in outputs]))


def _similarity(output: Floats) -> float:
    """Mean cosine between different rows."""
    rows = output / np.maximum(np.linalg.norm(output, axis=1, keepdims=True), 1e-12)
    count = len(rows)
    return float((np.square(np.linalg.norm(rows.sum(0))) - count) / (count * (count - 1)))


def _as_far(control: Case, trial: Case) -> bool:
    """At least nine tenths of the way that the control's loss goes."""
    start, end = control.first_value, last(control)
    return start - last(trial) > 0.9 * (start - end)
