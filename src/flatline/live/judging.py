"""The diagnosis of a store, in a process of its own: it may take seconds, and holds nobody up.

It writes one line when it is ready; then the server writes the path of a store as one line of JSON and reads one line
back. It ends when its input ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from flatline.causes.base import catalogue
from flatline.experiments.proof import kept
from flatline.live.answers import Drawing, Judged
from flatline.record.reader import rank_stores, read
from flatline.record.rows import last_row
from flatline.record.store import StoreError
from flatline.report.facts import facts
from flatline.report.visible import visible
from flatline.report.words import titles
from flatline.verdict import diagnose


def judge(path: str) -> Judged:
    """The verdict on a store as it is now, and what is drawn of it; a fault of ours is a ``problem``."""
    try:
        row = last_row(path)
        # Of a run in several processes all are read, unless one of their names is a link that may lead anywhere.
        recording = read(path, alone=any(other.is_symlink() for other in rank_stores(Path(path))))
        verdict = diagnose(recording, kept(path))
        drawn = facts(recording, verdict)
    except StoreError as error:
        return Judged(0, str(error))
    except Exception as error:
        return Judged(0, f"The diagnosis failed ({type(error).__name__}: {error}).")
    printed = [line for line in drawn.losses if line.kind == "printed"]
    known = titles()
    named = {c.name: known[c.name] for c in verdict.causes if c.name in known}
    return Judged(row, None, verdict, Drawing(printed, drawn.marks, drawn.heat_maps), named)


def main() -> None:
    """Answers until the input ends."""
    # Whatever else writes to stdout must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, OSError):
        # The training that is watched comes first.
        os.setpriority(os.PRIO_PROCESS, 0, 10)
    # Every cause is loaded now, so that the first diagnosis takes as long as the others.
    catalogue()
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        judged = judge(msgspec.json.decode(line, type=str))
        answers.write(msgspec.json.encode(visible(msgspec.to_builtins(judged))) + b"\n")
        answers.flush()
