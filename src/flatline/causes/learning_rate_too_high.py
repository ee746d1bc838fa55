from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np

from flatline.causes.base import (
    Cause,
    Decision,
    Evidence,
    Experiment,
    Found,
    Judgement,
    Level,
    Outcome,
    RuledOut,
    Untested,
)
from flatline.causes.case import Case, number
from flatline.causes.judging import Judge, clearly_lower, contrast, finite, last, loss
from flatline.causes.places import candidates, written_rate
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import LearningRate

# A step that moves all weights by more than a tenth of their size leaves the region in which the gradient says
# anything: float32 training is healthy near 1e-3 (Karpathy, CS231n notes), two orders of magnitude below.
UPDATE_RATIO = 0.1
# The steps that are all sampled, or nearly so: what overshoots from the start shows there.
FIRST = 20


class LearningRateTooHigh(Cause):
    """Each step overshoots: the loss is higher after it than before, or the model is thrown to a constant output.

    What you see
        The loss rises in the first steps, jumps about, turns to NaN, or falls to chance and stays.

    What is measured
        The loss before and after the first updates; the size of an update relative to the weights; for a loss that
        became NaN or infinite, whether it grew step by step before.

    How it is told apart
        Gradient descent on the same batch must lower the loss when the step is short enough, so a rise on the same
        data is the rate's doing. NaN in the data shows before the first step (``non-finite-data``). Gradients that
        are not cleared raise the effective rate (``gradients-not-cleared``).

    Experiment
        A tenth, and a hundredth, of the rate from the same weights and the same batches: the loss does not rise. Where
        that leaves it open, one batch again and again: the loss rises there too, at this rate and not at a hundredth.

    Fix
        A tenth of the rate; or a warm-up, or gradient clipping when single batches are to blame.

    References
        https://github.com/yhenon/pytorch-retinanet/issues/41
        https://github.com/keras-team/keras/issues/4066
    """

    name = "learning-rate-too-high"
    row = "S7"
    title = "the learning rate is too high: steps overshoot"

    def decide(self, case: Case) -> Decision | None:
        if case.curve is None or len(case.curve) < 2 or not case.moves:
            return None
        rate = self._rate(case)
        ratio = float(np.median(case.update_ratios[:FIRST])) if case.update_ratios else math.nan
        # Weights that start at 0 are after k equal steps no larger than k of them: the first ten say nothing.
        grown = int(1 / UPDATE_RATIO) if len(case.update_ratios) < len(case.updates) else 0
        largest = max((r for r in case.update_ratios[grown:FIRST] if math.isfinite(r)), default=math.nan)
        values = case.curve.values
        falling = values[-1] < values[0] and bool(np.all(np.diff(values[:3]) < 0))
        evidence = [
            Evidence("learning rate", number(rate) if rate is not None else "not seen"),
            Evidence("first losses", ", ".join(number(v) for v in values[:5]), "" if falling else "falling"),
        ]
        if math.isfinite(ratio):
            evidence.append(Evidence("update over weights, first steps", number(ratio), "about 0.001"))
        fix = "Divide the learning rate by 10, and by 10 again while the loss still rises."
        rising, non_finite = case.symptom("rising-loss"), case.symptom("non-finite-loss")
        grew = non_finite is not None and self._grew(values)
        if case.accumulates:
            return Untested("gradients are not cleared between steps, which raises every update: cure that first")
        if rising is not None or grew:
            rise = max((v for v in values if math.isfinite(v)), default=math.nan) / max(abs(values[0]), 1e-12)
            fast = largest > UPDATE_RATIO or grew or rise > 10
            level = Level.LIKELY if fast else Level.POSSIBLE
            evidence.append(Evidence("greatest loss over first loss", f"{rise:.3g}", "1"))
            return Found(level, 0.93 if fast else 0.5, case.rate_line, evidence, fix)
        if len(values) > FIRST and bool(np.all(np.diff(values) <= 1e-6 * np.abs(values[:-1]))):
            # Short enough steps lower the loss; so one that never rises shows no overshoot.
            return RuledOut("the loss never rises from one step to the next")
        if largest > UPDATE_RATIO and case.has("chance-plateau") and len(values) > FIRST:
            evidence.append(Evidence("largest update over weights", number(largest), f"below {UPDATE_RATIO:g}"))
            if case.association is not None and not case.association.found:
                # Where no probe predicts the targets either, a loss at chance says nothing of the rate.
                return Found(Level.POSSIBLE, 0.5, case.rate_line, evidence, fix)
            return Found(Level.LIKELY, 0.85, case.rate_line, evidence, fix)
        bounce = self._bounce(case)
        worse = math.isfinite(case.explained) and case.explained < 0 and len(values) > FIRST
        if largest > UPDATE_RATIO and worse:
            evidence.append(
                Evidence(
                    "loss at the end over the loss of a constant prediction", f"{1 - case.explained:.3g}", "below 1"
                )
            )
            return Found(Level.LIKELY, 0.85, case.rate_line, evidence, fix)
        if largest > UPDATE_RATIO and bounce > 1 and not case.has("near-zero-loss", "zero-loss") and case.stuck:
            evidence.append(Evidence("typical change per step over net change", f"{bounce:.3g}", "below 1"))
            return Found(Level.LIKELY, 0.8, case.rate_line, evidence, fix)
        shown = f", updates are {number(ratio)} of the weights" if math.isfinite(ratio) else ""
        return RuledOut(f"the loss does not rise after the first updates{shown}")

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        momenta = [m for r in case.recording.all(LearningRate) for m in r.momenta]
        chance = case.chance.value if case.chance is not None else math.inf
        from flatline.causes.wrong_mode import WrongMode

        if isinstance(WrongMode().decide(case), Found):
            # Without its normalisation a network bears only a lower rate: the mode is the fault.
            return []
        if not isinstance(decision, Found) or max(momenta, default=0.0) > CUSTOMARY or case.first_value > 10 * chance:
            # A momentum beyond the customary, and weights that are too large from the start, are cured by a lower rate
            # as well: their own experiments tell.
            return []
        lower = [[Change("learning-rate", {"factor": factor})] for factor, _ in FACTORS]
        repeated = Change("batch", {})
        return [
            Experiment(
                "does the loss still rise at a tenth, and at a hundredth, of the learning rate?",
                lower[0],
                _at_lower_rates,
                steps=case.recording.steps,
                also=lower[1:],
            ),
            Experiment(
                "does the loss rise when one and the same batch comes again and again, and not at a hundredth of the rate?",
                [repeated],
                _on_one_batch,
                steps=case.recording.steps,
                also=[[repeated, *lower[-1]]],
            ),
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.replace_number import replace_number

        rate = self._rate(case)
        if rate is None and case.optimizer is None and found.line is not None:
            rate = written_rate(case, found.line)
        if rate is None or rate <= 0:
            return []
        made: list[Patch] = []
        for factor, words in ((0.1, "a tenth"), (0.01, "a hundredth"), (0.001, "a thousandth")):
            text = f"The learning rate is {words} of what it was."
            made += candidates(text, replace_number(rate, factor * rate, "lr", 1), [found.line])
        return made

    @staticmethod
    def _grew(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
        """Whether the loss had grown at least tenfold before it was no longer finite."""
        finite = np.isfinite(values)
        before = values[: int(np.argmin(finite))]
        return len(before) >= 2 and bool(np.max(np.abs(before)) > 10 * max(abs(before[0]), 1e-12))

    @staticmethod
    def _bounce(case: Case) -> float:
        values = case.finite
        half = values[len(values) // 2 :]
        if len(half) < 10:
            return 0.0
        net = abs(float(np.mean(values[: max(len(values) // 10, 1)]) - np.mean(half)))
        return float(np.median(np.abs(np.diff(half)))) / max(net, 1e-12)

    @staticmethod
    def _rate(case: Case) -> float | None:
        rates = case.recording.all(LearningRate)
        return max(rates[0].rates) if rates and rates[0].rates else None


# More than this is beyond the textbooks' momentum (Goodfellow and others, Deep Learning, 8.3.2).
CUSTOMARY = 0.9


# Smaller by what a person would try first, and once more.
FACTORS = ((0.1, "a tenth"), (0.01, "a hundredth"))


def _at_lower_rates(control: Case, trials: list[Case]) -> Judgement:
    """Confirmed by either rate; refuted by the lower one only, for what a tenth does not cure may still be the rate."""
    judgements = [_at(factor, words)(control, [trial]) for (factor, words), trial in zip(FACTORS, trials)]
    confirmed = [j for j in judgements if j.outcome is Outcome.CONFIRMED]
    if not confirmed:
        return judgements[-1]
    if len(confirmed) == len(judgements):
        text = "at a tenth and at a hundredth of the rate, from the same weights and batches, the loss does not rise"
        return replace(judgements[0], text=text)
    return confirmed[0]


def _at(factor: float, words: str) -> Judge:
    return contrast(
        "learning-rate",
        lambda control: not control.accumulates,
        functools.partial(_tamed, factor),
        f"at {words} of the rate, from the same weights and batches, the loss does not rise",
        f"at {words} of the rate the loss rises as before",
        functools.partial(_as_before, factor),
    )


def _on_one_batch(control: Case, trials: list[Case]) -> Judgement:
    """On one batch a short enough step lowers the loss (the descent lemma), so a rise there is the rate's doing alone."""
    return contrast(
        "batch",
        lambda control: not control.accumulates,
        lambda control, trial: (
            trial.has("rising-loss", "non-finite-loss")
            and finite(trials[-1])
            and not trials[-1].has("rising-loss")
            and last(trials[-1]) < float(loss(trials[-1])[0])
        ),
        "on one and the same batch the loss rises too, and falls at a hundredth of the rate: no other data are to blame",
    )(control, trials)


def _tamed(factor: float, control: Case, trial: Case) -> bool:
    """The first update is smaller by the factor, and the loss no longer does what it did."""
    if not finite(trial) or not _scaled(factor, control, trial):
        return False
    values = loss(trial)
    rises = float(values.max()) > 1.1 * float(values[0]) and trial.has("rising-loss")
    if control.has("rising-loss", "non-finite-loss"):
        # A hundredth of the rate slows every drift: what counts is an overshoot at the start, or that training works now.
        first = loss(control)[: FIRST + 1]
        overshoots = not np.all(np.isfinite(first)) or float(first.max()) > 1.5 * float(first[0])
        tame = not rises and last(trial) <= float(values[0]) and clearly_lower(control, trial, 1.0)
        return tame and (overshoots or trial.improves)
    return not rises and trial.improves and clearly_lower(control, trial)


def _as_before(factor: float, control: Case, trial: Case) -> bool:
    # Only at a hundredth: what a tenth does not cure may still be the rate.
    return factor < 0.05 and _scaled(factor, control, trial) and trial.has("rising-loss", "non-finite-loss")


def _scaled(factor: float, control: Case, trial: Case) -> bool:
    if not control.update_ratios or not trial.update_ratios:
        return True
    # Weight decay and rounding leave the first update within a third of what the factor says.
    return bool(0.66 * factor < trial.update_ratios[0] / max(control.update_ratios[0], 1e-30) < 1.5 * factor)
