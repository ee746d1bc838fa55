"""How a program ended, in words: by which exception, or, of several processes, which of them went first and took the
others along."""

from __future__ import annotations

import re
import signal

from flatline.observe.events import Exited
from flatline.record.recording import Recording

# What the others say when one has gone: it is not where to look.
_PEER = re.compile(r"connection (reset|closed)|remote worker|nccl|gloo|socket|broken pipe", re.IGNORECASE)
_KILLED = re.compile(r"process \d+ terminated with signal (\w+)")


def exception(recording: Recording) -> str | None:
    """The exception that ended the program, with the line of the user's that it came from."""
    end = recording.ended
    if end is None or end.exception is None:
        return None
    line = recording.line(end.place)
    return end.exception + (f" ({line.file.rsplit('/', 1)[-1]}:{line.line})" if line is not None else "")


def told(recording: Recording) -> tuple[str | None, str]:
    """What the verdict says of the end, and the sentence for its summary; None and "" for an end in good order."""
    of_ranks = _first_gone(recording) if len(recording.ranks) > 1 else None
    if of_ranks is not None:
        return of_ranks
    ended = exception(recording)
    return ended, f"The program ended with {ended}." if ended is not None else ""


def _first_gone(recording: Recording) -> tuple[str, str] | None:
    """Of several ranks, the one that ended first otherwise than in good order."""
    ranks = recording.ranks
    exits = {r.run.rank: r.all(Exited)[-1] for r in ranks if r.all(Exited)}
    silent = [r for r in ranks if exits and r.run.rank not in exits and r.ended is None]
    others = "the other rank was" if len(ranks) == 2 else "the other ranks were"
    if silent:
        rank = silent[0]
        return "killed", (
            f"Rank {rank.run.rank} went without a word after {_steps(rank)} on record, and flatline with it: it was killed from "
            f"outside; {others} ended by that."
        )
    killed = [r for r in ranks if r.run.rank in exits and exits[r.run.rank].status < 0]
    raised = [r for r in ranks if r.ended is not None and r.ended.exception not in (None, "SystemExit")]
    # torchrun ends the others with SIGTERM; it is the first only where nothing else went wrong.
    killed.sort(key=lambda r: (exits[r.run.rank].status == -signal.SIGTERM, exits[r.run.rank].time))
    if killed and exits[killed[0].run.rank].status != -signal.SIGTERM:
        rank = killed[0]
        number = -exits[rank.run.rank].status
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return (
            "killed",
            f"Rank {rank.run.rank} was killed by {name} after {_steps(rank)} on record; {others} ended by that.",
        )
    starter = recording.starter
    message = starter.ended.message if starter is not None and starter.ended is not None else None
    match = _KILLED.search(message or "")
    if match is not None and match[1] != "SIGTERM":
        gone = [str(r.run.rank) for r in ranks if r.ended is None]
        which = f"rank {gone[0]}" if len(gone) == 1 else f"one of ranks {', '.join(gone)}"
        return "killed", f"{which.capitalize()} was killed by {match[1]}: {match[0]}."
    raised.sort(key=lambda r: (bool(_PEER.search(r.ended.message or "")) if r.ended else True, _time(r), r.run.rank))
    if raised:
        rank, text = raised[0], exception(raised[0])
        return f"{text}", f"Rank {rank.run.rank} of {len(ranks)} ended with {text}, after {_steps(rank)}."
    return None


def _time(rank: Recording) -> float:
    exits = rank.all(Exited)
    return exits[-1].time if exits else 0.0


def _steps(rank: Recording) -> str:
    return f"{rank.steps} step{'s' if rank.steps != 1 else ''}"
