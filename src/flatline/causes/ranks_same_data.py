from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.observe.events import Forward, LoaderSeen
from flatline.record.passes import Pass, passes
from flatline.record.ranks import averages, inputs, replicas
from flatline.record.recording import Line, Recording

# One batch shown again and again, to see it overfitted, is the same on every rank and no fault.
FEWEST_KINDS = 2
# The first steps are always measured, so a run of a few steps has as many.
FEWEST_STEPS = 3
_FIX = (
    "Give each process its own part: DataLoader(dataset, sampler=DistributedSampler(dataset)), and "
    "sampler.set_epoch(epoch) before each epoch; for a stream, rows[rank::world_size]."
)


class RanksSameData(Cause):
    """Every process trains on the same batches: several do the work of one.

    What you see
        Nothing in the loss: it falls as with one process, and no faster with more of them. An epoch has as many steps
        as in one process, and the batch that the gradients come from is no larger.

    What is measured
        The inputs of the models in the measured steps of each rank: shape, extremes, mean and deviation, which agree
        to the last bit only for the same numbers. Whether the ranks hold the same weights. A hash of each row of the
        loaders' first passes.

    How it is told apart
        Where every rank loads the global batch and takes its share of it, the models see different rows. Ranks that hold
        different weights (tensor or pipeline parallel) must see the same batch. One batch shown again and again, to see
        whether it can be overfitted, is the same everywhere and meant so. Evaluation is left out.
        Where each rank goes through all rows in an order of its own, gradients are averaged over different rows: only
        an epoch is as many epochs as there are ranks. That is said to be possible and costs no accuracy.

    Experiment
        The same program with the batches of each loader dealt out in turn: rank r of n is given those numbered r, r + n,
        r + 2n, …, and no two ranks see the same. What that is worth to the model, it does not say.

    Fix
        A DistributedSampler for the training loader, set_epoch before each epoch; for a stream, each rank its share.

    References
        https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
    """

    name = "ranks-same-data"
    row = "Z3c"
    title = "all processes train on the same data"
    choices = (
        Choice("Give the loader a DistributedSampler.", "one pass then takes as many steps as there are ranks fewer"),
        Choice(
            "Draw other rows in each rank by its seed.",
            "passes over the data overlap; right for streams without an end",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        if len(recording.ranks) < 2:
            return None
        seen = inputs(recording)
        if seen.steps < FEWEST_STEPS:
            return None
        if seen.alike < seen.steps:
            return self._whole_set(recording) or RuledOut(
                f"the inputs of the models differ between the ranks in {seen.steps - seen.alike} of {seen.steps} "
                "measured steps"
            )
        if seen.kinds < FEWEST_KINDS:
            return RuledOut("the ranks are given one and the same batch in every step, as to see it overfitted")
        weights = replicas(recording)
        if weights is not None and weights.apart:
            return RuledOut("the ranks hold different weights, so they may need the same batch")
        if weights is None and not averages(recording).startswith(("FSDP", "FullySharded")):
            return None
        evidence = [
            Evidence(
                f"measured steps in which all {len(recording.ranks)} ranks were given the same inputs",
                f"{seen.alike} of {seen.steps}",
                "0",
            )
        ]
        loader = _training(recording)
        if loader is not None:
            shared = _shared(recording, loader)
            if shared:
                evidence.append(Evidence("rows that the loaders gave in the same order on all ranks", shared, "none"))
            evidence.append(Evidence("what orders the samples of the loader", loader.sampler or "unknown"))
        return Found(Level.LIKELY, 0.98, _line(recording, loader), evidence, _FIX)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY:
            return []
        return [
            Experiment(
                "do the ranks see different batches when those of the loader are dealt out to them?",
                [Change("ranks", {"how": "deal"})],
                contrast(
                    "ranks",
                    lambda control: _alike(control) == 1,
                    lambda control, trial: _alike(trial) == 0,
                    "dealt out, no batch comes to two ranks: they were given the same because nothing divides the loader",
                    value=lambda some: f"{_alike(some):.0%} of the steps alike",
                ),
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _whole_set(recording: Recording) -> Found | None:
        """Every rank goes through all rows, in an order of its own."""
        loader = _training(recording)
        if loader is None or loader.divided:
            return None
        keys = [_pass(rank, loader.number) for rank in recording.ranks]
        whole = [np.sort(found.keys) for found in keys if found is not None and found.whole]
        if len(whole) < len(recording.ranks) or len(np.unique(whole[0])) < 2 * max(loader.batch_size, 1):
            return None
        if not all(np.array_equal(rows, whole[0]) for rows in whole[1:]):
            return None
        return Found(
            Level.POSSIBLE,
            0.6,
            _line(recording, loader),
            [
                Evidence(
                    "rows of one pass over the training loader that every rank goes through",
                    f"all {len(whole[0])}, in an order of its own",
                    f"{len(whole[0]) // len(whole)} on each of {len(whole)} ranks",
                ),
                Evidence("what it costs", f"one epoch is {len(whole)} epochs; the gradients are sound"),
            ],
            _FIX,
        )


def _alike(case: Case) -> float:
    """In which share of the measured steps all ranks were given the same inputs; NaN where none can be compared."""
    seen = inputs(case.recording)
    return seen.alike / seen.steps if seen.steps else math.nan


def _training(recording: Recording) -> LoaderSeen | None:
    """The loader that training draws from; of several, that with the most rows."""
    found = [p for p in passes(recording) if p.trains]
    if found:
        return max(found, key=lambda p: len(p.keys)).loader
    loaders = recording.all(LoaderSeen)
    return loaders[0] if len(loaders) == 1 else None


def _pass(rank: Recording, number: int) -> Pass | None:
    return next((p for p in passes(rank) if p.loader.number == number), None)


def _shared(recording: Recording, loader: LoaderSeen) -> str:
    keys = [found.keys for rank in recording.ranks if (found := _pass(rank, loader.number)) is not None]
    if len(keys) < len(recording.ranks):
        return ""
    count = min(len(k) for k in keys)
    same = int(np.all([k[:count] == keys[0][:count] for k in keys], axis=0).sum())
    return f"{same} of {count}"


def _line(recording: Recording, loader: LoaderSeen | None) -> Line | None:
    if loader is not None:
        return recording.line(loader.place)
    call = next((f for f in recording.all(Forward) if f.gradient), None)
    return recording.line(call.place) if call is not None else None
