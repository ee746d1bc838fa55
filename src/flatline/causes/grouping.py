"""Whether what the first dimension of a batch counts are samples that came together by chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from flatline.causes.case import Case
from flatline.observe.events import LoaderSeen
from flatline.record.kept import calls, keys
from flatline.record.passes import enumerable

# Rows in a kept order have the same row behind them whenever they come again, but at the border of a batch. Of M rows in
# random order one in M - 1 has. So many that all came with another one are no accident of the borders: 2 ** -20 where
# every second row stood at one.
FEWEST_AGAIN = 20


def by_chance(case: Case, given: list[int]) -> str:
    """What shows that the rows of a model's input of that shape are samples drawn at random; empty when nothing does.

    A sequence has an order, so what is drawn at random is none.
    """
    if len(given) < 2 or given[0] < 2 or given.count(given[0]) > 1:
        # Which dimension counts the samples cannot be told from sizes.
        return ""
    for loader in case.recording.all(LoaderSeen):
        whole = min(loader.batch_size, loader.samples)
        if loader.shuffle and not loader.iterable and whole == given[0]:
            return f"the {whole} rows of a batch are drawn by a loader that shuffles"
    return _other_neighbours(case, given)


def elsewhere(case: Case, rows: int, across: int) -> str:
    """What shows that the samples are counted by another dimension, of size ``across``; empty when nothing does."""
    if rows == across:
        return ""
    sizes = {min(loader.batch_size, loader.samples) for loader in case.recording.all(LoaderSeen)}
    if across in sizes and rows not in sizes:
        return f"a loader gives {across} at a time, which are its other dimension"
    target = case.main_call.target if case.main_call is not None else None
    if target is not None and target.shape[:1] == [across]:
        return f"there are {across} targets, and as many in its other dimension"
    return ""


def _other_neighbours(case: Case, given: list[int]) -> str:
    """For programs that pick their rows by themselves: rows that come again come beside others."""
    batches = [c.rows for c in calls(case.recording) if c.forward.gradient and c.whole and list(c.rows.shape) == given]
    if len(batches) < 2 or enumerable(np.concatenate(batches[:8])):
        return ""
    following: dict[int, int] = {}
    again = same = 0
    for rows in batches:
        found = keys(rows).tolist()
        for row, behind in pairwise(found):
            again += row in following
            same += following.get(row) == behind
            following[row] = behind
    if again < FEWEST_AGAIN or same > again / 2:
        return ""
    return f"of {again} rows that came again, {again - same} came beside another row"
