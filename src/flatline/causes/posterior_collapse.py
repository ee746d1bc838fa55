from __future__ import annotations

import ast
import math

import numpy as np

from flatline.causes.base import (
    Cause,
    Choice,
    Decision,
    Evidence,
    Experiment,
    Found,
    Judgement,
    Level,
    RuledOut,
    Untested,
)
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast, last, noise
from flatline.changes import Change
from flatline.observe.events import Code
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Burda et al. 2016: a dimension is active when the variance of its mean over the data is above 0.01. The code has a
# standard deviation of about 1 where it carries nothing, so less is a signal to noise ratio below one in a hundred.
ACTIVE = 0.01
# Before training the means are small as well: collapse is a divergence that was there and went.
LEFT = 0.1
# A divergence over fewer measured steps has no course, and fewer than three at the end no level.
FEWEST = 8
LAST = 3
# Ten deviations of noise on a code that has one leave next to nothing of what it says.
DROWNED = 10.0
# With so many numbers in a sample, a mean over them weighs the reconstruction so many times less than a sum.
MANY = 8


class PosteriorCollapse(Cause):
    """The code of a variational autoencoder carries nothing: its divergence from the prior has gone to 0.

    What you see
        The KL part of the loss falls to 0.0000 early; reconstructions are all alike, or come from somewhere else.

    What is measured
        From the graph, where the divergence is computed from means and log-variances: the divergence of each
        dimension, and how much its mean varies over the batch (a dimension is active above 0.01).

    How it is told apart
        At the start of training, and in the first part of a warm-up, the divergence is small too, but it grows. A
        part of a loss that is 0 by construction never had another value.

    Experiment
        The divergence without weight: dimensions of the code become active. Or the code drowned in noise: the loss ends
        the same, so the decoder ignores it. Or either of the first two terms of the loss alone: with one of them the code
        fills.

    Fix
        Sum the reconstruction over the numbers of a sample as the divergence is summed; raise the weight of the
        divergence from 0 over the first epochs, or leave some nats free; weaken what goes around the code (skip
        connections, a decoder that sees the previous tokens).

    References
        https://github.com/AppliedDataSciencePartners/WorldModels/issues/12
        https://github.com/CompVis/vunet/issues/5
        Burda et al., Importance weighted autoencoders, 2016.
    """

    name = "posterior-collapse"
    row = "Z13"
    title = "the code of the variational autoencoder carries nothing; its KL term has gone to 0"
    choices = (
        Choice("Warm up the weight of the KL term, or keep free bits.", "a schedule to choose"),
        Choice("Weaken the decoder.", "worse reconstructions"),
        Choice(
            "Sum the reconstruction over pixels, as the KL is summed.", "losses no longer compare with earlier runs"
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        codes = case.recording.all(Code)
        if not codes:
            return None
        totals = [sum(c.divergence) for c in codes]
        if len(codes) < FEWEST or not all(map(math.isfinite, totals)):
            return Untested("the code was measured on too few steps")
        end = codes[-LAST:]
        spread = np.mean([c.spread for c in end], axis=0)
        active, last, most = int((spread > ACTIVE).sum()), float(np.mean(totals[-LAST:])), max(totals)
        if active:
            return RuledOut(f"{active} of {len(spread)} dimensions of the code are active; KL {number(last)} nats")
        if last > LEFT * most:
            return RuledOut(f"the KL term is {number(last)} nats and was never much greater ({number(most)})")
        mean = self._averaged(case)
        line = (case.criterion_line if mean else None) or sum_line(case) or case.backward_line
        evidence = [
            Evidence("KL term, greatest and at the end", f"{number(most)} and {number(last)} nats", "stays above 0"),
            Evidence(
                "active dimensions of the code",
                f"0 of {len(spread)} (greatest variance of a mean {number(float(spread.max()))})",
                f"variance above {ACTIVE}",
            ),
        ]
        if mean:
            evidence.append(
                Evidence(
                    "the reconstruction is a mean",
                    f"over {mean} numbers in each sample, the KL term a sum",
                    "both summed over a sample",
                )
            )
        return Found(
            Level.LIKELY,
            0.95,
            line,
            evidence,
            f"Sum the reconstruction over the {mean} numbers of a sample, as the KL term is summed."
            if mean
            else "Raise the weight of the KL term from 0 over the first epochs, or leave each dimension some free nats; "
            "weaken what reaches the decoder past the code.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the code carry something when the KL term has no weight?",
                [Change("terms", {})],
                contrast(
                    "terms",
                    lambda control: _active(control) == 0,
                    lambda control, trial: _active(trial) > 0,
                    "without the pull of the KL term dimensions of the code become active",
                    # A code that stays empty all the same has a decoder that gets what it needs past it: collapsed too.
                    value=lambda some: f"{_active(some)} active dimensions",
                ),
                steps=case.recording.steps,
            ),
            Experiment(
                "does the loss end the same when the code is drowned in noise?",
                [Change("operation", {"names": ["randn_like"], "by": "amplify", "amount": DROWNED})],
                contrast(
                    "operation",
                    lambda control: _active(control) == 0,
                    lambda control, trial: (
                        abs(last(control) - last(trial)) <= max(3 * noise(control, trial), 0.05 * abs(last(control)))
                    ),
                    "with the code drowned in noise the loss ends the same: the decoder ignores it",
                ),
                steps=case.recording.steps,
            ),
            Experiment(
                "does the code carry something when one of the first two terms of the loss is alone?",
                [Change("terms", {"alone": 0})],
                _alone,
                steps=case.recording.steps,
                also=[[Change("terms", {"alone": 1})]],
            ),
        ]

    @staticmethod
    def _averaged(case: Case) -> int:
        """Numbers in a sample, when the reconstruction is averaged over them; else 0."""
        main = case.main_call
        if main is None or main.reduction != "mean" or main.input is None or len(main.input.shape) < 2:
            return 0
        size = math.prod(main.input.shape[1:])
        return size if size >= MANY and main.name not in ("cross_entropy", "nll_loss", "expression") else 0


def sum_line(case: Case) -> Line | None:
    """The line whose value is the formula that backward ran on."""
    for backward in case.backwards[:1]:
        here = case.recording.line(backward.place)
        if here is None or not backward.expression:
            continue
        source = SourceFile(case.recording, here.file)
        for node in source.nodes():
            if isinstance(node, ast.Assign) and ast.unparse(node.value) == backward.expression:
                return source.line(node.lineno)
    return None


def _active(case: Case) -> int:
    """Dimensions of the code whose mean varies over the batch at the end."""
    codes = case.recording.all(Code)[-LAST:]
    return int((np.mean([c.spread for c in codes], axis=0) > ACTIVE).sum()) if codes else 0


def _alone(control: Case, trials: list[Case]) -> Judgement:
    """Whichever of the terms is the reconstruction, it fills the code when nothing pulls the other way."""
    best = max(trials, key=_active)
    return contrast(
        "terms",
        lambda control: _active(control) == 0,
        lambda control, trial: _active(trial) > 0,
        "with one term of the loss alone dimensions of the code become active: the other empties it",
        value=lambda some: f"{_active(some)} active dimensions",
    )(control, [best])
