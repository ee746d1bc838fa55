from __future__ import annotations

import re

import msgspec
import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.observe.events import LoaderSeen
from flatline.record.quoting import error
from flatline.record.ranks import trained
from flatline.record.recording import Line, Recording

# Rows on one rank over rows on another: what is not a whole multiple of the number of ranks makes the last batches differ
# a little; twice as many in the middle of all steps is a division that was not meant equal.
TWICE = 2.0


class RanksUneven(Cause):
    """The processes have different numbers of batches: one is done while the others wait for it, or fail.

    What you see
        The program hangs near the end of an epoch, until a timeout; or it ends with ``Connection closed by peer``.

    What is measured
        The length of the training loader and the number of steps on each rank; how each rank ended; the median number of
        rows in a step.

    How it is told apart
        Ranks that all ended in good order took uneven batches in their stride (``Join``, or no exchange at all). A rank
        that was killed in the middle has fewer steps as well: only what its loader was to give counts.
        Where one rank's batches are at least twice as large, the plain average of the gradients gives each of its rows
        half the weight of another's: said to be possible, since nothing is lost where rows are dealt out at random.

    Experiment
        The same program with each pass over a loader ended where the rank with the fewest batches ends it: all ranks
        come to their end in good order. None where the batches come from no loader.

    Fix
        DistributedSampler pads or drops so that all ranks have as many; with parts of the program's own, drop the last
        batch everywhere, or train within ``with Join([model])``. Where batches differ in size, weight each rank's loss
        by its rows: ``loss * rows * world_size / all_rows``.

    References
        https://docs.pytorch.org/tutorials/advanced/generic_join.html
    """

    name = "ranks-uneven"
    row = "Z3f"
    title = "the processes have different numbers of batches"
    choices = (
        Choice(
            "Give every rank equally many batches (DistributedSampler, drop_last).",
            "up to a batch of each rank is repeated or left out",
        ),
        Choice(
            "Train under the join() context of DistributedDataParallel.",
            "the ranks that are done go on taking part in reductions",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        ranks = trained(recording)
        if len(ranks) < 2:
            return None
        steps = {r.run.rank: r.backwards for r in ranks}
        good = [r.ended is not None and r.ended.exception is None for r in ranks]
        lengths, line = _lengths(ranks)
        uneven = len(set(lengths.values())) > 1
        if uneven and all(good) and len(set(steps.values())) > 1:
            return RuledOut(
                f"the ranks took {min(steps.values())} to {max(steps.values())} steps and all ended in good order"
            )
        early = [r for r in ranks if steps[r.run.rank] == min(steps.values())]
        ended_early = [r for r, fine in zip(ranks, good) if fine and steps[r.run.rank] < max(steps.values())]
        # A rank that is killed before the shortest one is through says nothing of what would have come.
        through = uneven and (
            max(steps.values()) >= min(lengths.values()) or any(x.exhausted for r in ranks for x in r.epochs)
        )
        if not all(good) and (through or ended_early):
            rank = (ended_early or early)[0]
            evidence = (
                [
                    Evidence(
                        "batches of the training loader",
                        ", ".join(f"{count} on rank {r}" for r, count in lengths.items()),
                        "as many on each rank",
                    )
                ]
                if uneven
                else []
            )
            evidence.append(
                Evidence(
                    "backward passes that are on record",
                    ", ".join(f"{count} on rank {r}" for r, count in steps.items()),
                    "as many on each rank",
                )
            )
            evidence += [
                Evidence(f"how rank {r.run.rank} ended", _end(r), "in good order") for r in ranks if r is not rank
            ][:2]
            return Found(
                Level.LIKELY,
                0.95 if uneven else 0.9,
                line or case.backward_line,
                evidence,
                "Give every rank as many batches: DistributedSampler, drop_last=True on parts of one length, or training "
                "within `with Join([model])`.",
            )
        return self._sizes(case, ranks) or RuledOut(
            f"all {len(ranks)} ranks made {min(steps.values())} backward passes"
            if len(set(steps.values())) == 1
            else "every loader that trains is as long on all ranks"
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        ranks = trained(case.recording)
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY or not _lengths(ranks)[0]:
            return []
        return [
            Experiment(
                "do all ranks come to their end when none is given more batches than the shortest has?",
                [Change("ranks", {"how": "even"})],
                contrast(
                    "ranks",
                    lambda control: not _in_order(control),
                    lambda control, trial: _in_order(trial),
                    "with as many batches on each rank, all of them end in good order",
                    "with as many batches on each rank they do not end in good order either",
                    lambda control, trial: not _in_order(trial),
                    lambda some: "all ranks ended well" if _in_order(some) else "a rank failed",
                ),
            )
        ]

    @staticmethod
    def _sizes(case: Case, ranks: list[Recording]) -> Found | None:
        rows = {r.run.rank: float(np.median(r.optimised[0].sizes)) for r in ranks}
        least, most = min(rows.values()), max(rows.values())
        if least <= 0 or most < TWICE * least:
            return None
        return Found(
            Level.POSSIBLE,
            0.5,
            case.backward_line,
            [
                Evidence(
                    "rows in a step, median",
                    ", ".join(f"{number(count)} on rank {r}" for r, count in rows.items()),
                    "as many on each rank",
                ),
                Evidence(
                    "weight of a row in the average over ranks",
                    f"{number(most / least)} times as much on the smaller rank",
                    "the same",
                ),
            ],
            "Weight the loss of each rank by its rows, loss * rows * world_size / all_rows, or deal the rows out evenly.",
        )


def _in_order(case: Case) -> bool:
    ranks = trained(case.recording)
    return len(ranks) > 1 and all(r.ended is not None and r.ended.exception is None for r in ranks)


def _lengths(ranks: list[Recording]) -> tuple[dict[int, int], Line | None]:
    """The lengths of the loader that training draws from, by rank, and the line that made it."""
    loaders = [{x.number: x for x in r.all(LoaderSeen) if x.length > 0} for r in ranks]
    common = set.intersection(*(set(known) for known in loaders))
    drawn = {n: max(sum(1 for x in r.epochs if x.loader == n) for r in ranks) for n in common}
    # The loader drawn from longest: evaluation comes after training.
    number_ = min(common, key=lambda n: (-drawn[n], n), default=None)
    if number_ is None:
        return {}, None
    place = loaders[0][number_].place
    return {r.run.rank: known[number_].length for r, known in zip(ranks, loaders)}, ranks[0].line(place)


def _end(rank: Recording) -> str:
    if rank.ended is None:
        return "no end on record: it waited, or was killed"
    # Gloo's messages begin with a line of its own source.
    lines = re.sub(r"^\[[^]]*\]\s*", "", rank.ended.message or "").splitlines()
    told = msgspec.structs.replace(rank.ended, message=lines[0][:80] if lines else None)
    return error(told, rank.include_data) or "in good order"
