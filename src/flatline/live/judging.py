"""The diagnosis of a store, in a process of its own: it may take seconds, and holds nobody up.

The server writes the path of a store as one line of JSON and reads one line back. It ends when its input ends.
"""

from __future__ import annotations

import contextlib
import os
import sys

import msgspec

from flatline.live.answers import Judged, PrintedSeries

MOST_PRINTED = 8
MOST_POINTS = 2_000


def judge(path: str) -> Judged:
    """The verdict on a store as it is now, with the losses that the program printed; a fault of ours is a ``problem``."""
    import numpy as np

    from flatline.causes.base import catalogue
    from flatline.record.printed import printed_losses
    from flatline.record.reader import read
    from flatline.record.rows import last_row
    from flatline.record.store import StoreError
    from flatline.verdict import diagnose

    try:
        row = last_row(path)
        recording = read(path)
        verdict = diagnose(recording)
        printed = []
        for loss in printed_losses(recording)[:MOST_PRINTED]:
            kept = np.unique(np.linspace(0, len(loss.numbers) - 1, MOST_POINTS).astype(int))
            numbers = [loss.numbers[index] for index in kept]
            line = recording.line(loss.place)
            where = f"{line.file.rsplit('/', 1)[-1]}:{line.line}" if line is not None else ""
            printed.append(PrintedSeries(loss.label, where, [n.step for n in numbers], [n.value for n in numbers]))
    except StoreError as error:
        return Judged(0, str(error))
    except Exception as error:
        return Judged(0, f"The diagnosis failed ({type(error).__name__}: {error}).")
    titles = {name: cause.title for name, cause in catalogue().items()}
    return Judged(row, None, verdict, printed, {c.name: titles[c.name] for c in verdict.causes if c.name in titles})


def main() -> None:
    """Answers until the input ends."""
    # Whatever else writes to stdout must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, OSError):
        # The training that is watched comes first.
        os.setpriority(os.PRIO_PROCESS, 0, 10)
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(judge(msgspec.json.decode(line, type=str))) + b"\n")
        answers.flush()
