from __future__ import annotations

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.record.ranks import idle, trained
from flatline.record.recording import Recording


class RankHidden(Cause):
    """One process learns nothing, and the average over all hides it.

    What you see
        The printed loss is that of rank 0, or a mean over the ranks: it falls, more slowly than it should. Behind it, one
        rank's loss is exactly 0, or NaN, in every step.

    What is measured
        The loss that each rank called backward on: in how many steps it was 0, or not finite, on one rank and not on
        the others.

    How it is told apart
        Where all ranks reach 0, or NaN, the average hides nothing. A single step without targets on one rank is an
        accident of batches; half of all steps are not. With pipeline parallel only the last rank has a loss. Why the
        loss is 0 or NaN there is told by another cause, from that rank's own record.

    Experiment
        The same program with every rank given the inputs and targets of a rank that learns: then no loss is 0 or NaN, so it
        was the rows of that rank, and neither its weights nor its device.

    Fix
        Look at the rows of that rank. Print the loss of every rank, or its minimum and maximum, beside the mean.

    References
        https://docs.pytorch.org/docs/stable/notes/ddp.html
    """

    name = "rank-hidden"
    row = "Z3e"
    title = "one process's loss is 0 or NaN, and the average over all hides it"
    choices = (
        Choice("Reduce what is printed over the ranks.", "one small reduction each time it is printed"),
        Choice("Print of every rank, with its number.", "more lines to read"),
    )

    def decide(self, case: Case) -> Decision | None:
        ranks = trained(case.recording)
        if len(ranks) < 2:
            return None
        lost, fine = _lost(case), _fine(case)
        if not lost:
            return RuledOut(f"no rank's loss is 0 or NaN in half of its steps ({len(ranks)} ranks)")
        if not fine:
            return None
        one = lost[0]
        curve = one.optimised[0]
        zero = idle(one)
        count = int(np.sum(curve.values == 0 if zero else ~np.isfinite(curve.values)))
        what = "exactly 0" if zero else "NaN or infinite"
        numbers = ", ".join(str(r.run.rank) for r in lost)
        return Found(
            Level.LIKELY,
            0.97,
            one.line(curve.place),
            [
                Evidence(
                    f"steps in which the loss of rank {one.run.rank} was {what}", f"{count} of {len(curve)}", "none"
                ),
                Evidence("mean loss of the other ranks in their last steps", ", ".join(_last(r) for r in fine[:4])),
            ],
            f"Look at the rows that rank {numbers} is given. Print the least and greatest loss of the ranks beside the "
            "mean.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        source = _fine(case)[0].run.rank
        return [
            Experiment(
                f"does every rank have a loss when all are given the inputs and targets of rank {source}?",
                [Change("ranks", {"how": "share", "source": source})],
                contrast(
                    "ranks",
                    lambda control: bool(_lost(control)) and bool(_fine(control)),
                    lambda control, trial: len(_fine(trial)) == len(trained(trial.recording)) >= 2,
                    f"with the inputs and targets of rank {source}, the loss of no rank is 0 or NaN",
                    value=lambda some: "; ".join(f"loss {_last(r)}" for r in trained(some.recording)[:4]),
                ),
            )
        ]


def _lost(case: Case) -> list[Recording]:
    """The ranks that learn nothing in half of their steps."""
    return [r for r in trained(case.recording) if idle(r) or _bad(r) >= 0.5]


def _fine(case: Case) -> list[Recording]:
    return [r for r in trained(case.recording) if not idle(r) and _bad(r) == 0]


def _bad(rank: Recording) -> float:
    return float(np.mean(~np.isfinite(rank.optimised[0].values)))


def _last(rank: Recording) -> str:
    values = rank.optimised[0].values
    return f"{number(float(np.mean(values[-max(1, len(values) // 10) :])))} on rank {rank.run.rank}"
