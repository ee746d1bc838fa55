from __future__ import annotations

from flatline.causes.base import Cause, Choice, Decision, Evidence, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.observe.events import EpochStarted, LoaderSeen


class EpochNotSet(Cause):
    """The sampler is not told of the epoch: every epoch has the same order, and every process the same part.

    What you see
        Nothing in the loss, or a loss that goes up and down in the same way in each epoch. It does not make a loss 0.

    What is measured
        At the beginning of each pass over a loader, the epoch by which its DistributedSampler orders the samples.

    How it is told apart
        Only torch's own DistributedSampler with ``shuffle=True`` orders by that number alone, and only passes in which
        training took place count. Why it is never more than possible: shuffling once is close to shuffling anew in
        every epoch in theory (reference below), and what it costs here is not measured.

    Experiment
        None.

    Fix
        ``sampler.set_epoch(epoch)`` at the beginning of each epoch.

    References
        https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
        https://arxiv.org/abs/2006.05988
    """

    name = "epoch-not-set"
    row = "Z3h"
    title = "every epoch has the same order: set_epoch is not called"
    choices = (
        Choice(
            "Call sampler.set_epoch(epoch) at the start of each epoch.",
            "none; results differ from earlier runs, as the order does",
        ),
        Choice("Leave it.", "every epoch has the same order and the same division of rows"),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        for loader in recording.all(LoaderSeen):
            if not loader.reshuffles:
                continue
            starts = [s for s in recording.all(EpochStarted) if s.loader == loader.number]
            trained = [s for s, after in zip(starts, [*starts[1:], None]) if _trains(s, after, recording.steps)]
            if len(trained) < 2:
                continue
            epochs = [s.seed_epoch for s in trained]
            if len(set(epochs)) > 1:
                return RuledOut(f"the sampler was told of {len(set(epochs))} different epochs in {len(epochs)} passes")
            return Found(
                Level.POSSIBLE,
                0.7,
                recording.line(trained[0].place) or recording.line(loader.place),
                [
                    Evidence(
                        f"the epoch of the sampler in {len(epochs)} passes over the loader",
                        f"{epochs[0]} in each",
                        f"0 to {len(epochs) - 1}",
                    ),
                    Evidence(
                        "what it costs",
                        "each process sees the same rows in the same order in every epoch; learning is a little slower "
                        "at most",
                    ),
                ],
                "Call sampler.set_epoch(epoch) at the beginning of each epoch.",
            )
        return None


def _trains(start: EpochStarted, after: EpochStarted | None, steps: int) -> bool:
    return (after.step if after is not None else steps) > start.step
