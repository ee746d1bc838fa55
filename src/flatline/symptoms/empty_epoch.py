"""An epoch passes without a single batch."""

from __future__ import annotations

import numpy as np

from flatline.record.printed import printed_losses
from flatline.record.quoting import quoted
from flatline.record.recording import Recording
from flatline.record.source import shares_loop
from flatline.symptoms.base import Symptom

NAME = "empty-epoch"


def detect(recording: Recording) -> list[Symptom]:
    found: list[Symptom] = []
    for number, ended in enumerate(recording.epochs, start=1):
        if ended.batches == 0:
            text = f"a loader gave no batch in its pass number {_pass(recording, number - 1)}"
            return [Symptom(NAME, ended.step, 0.0, text, epoch=_pass(recording, number - 1))]
    ticks = [c.ticks for c in recording.curves if len(c)]
    if not ticks:
        return found
    work = np.sort(np.concatenate(ticks))
    for printed in printed_losses(recording):
        previous = 0
        trained: list[int] = []
        for number_ in printed.numbers:
            count = int(np.searchsorted(work, number_.tick)) - int(np.searchsorted(work, previous))
            trained.append(count)
            previous = number_.tick
        empty = [i for i, count in enumerate(trained) if count == 0]
        # The line is written once an epoch when the passes before it held several steps; from some epoch on, none.
        if (
            trained
            and trained[0] > 0
            and empty
            and all(c == 0 for c in trained[empty[0] :])
            and any(shares_loop(recording, printed.place, c.place) for c in recording.optimised)
        ):
            first = printed.numbers[empty[0]]
            text = f"nothing was computed between two printed losses from epoch {empty[0] + 1} on ({quoted(recording, first)})"
            found.append(Symptom(NAME, first.step, 0.0, text, epoch=empty[0] + 1))
            break
    return found


def _pass(recording: Recording, index: int) -> int:
    loader = recording.epochs[index].loader
    return sum(1 for e in recording.epochs[: index + 1] if e.loader == loader)
