"""Whether a run goes on: told from its record and from its process."""

from __future__ import annotations

from typing import Literal

import psutil

from flatline.observe.events import RunEnded, RunStarted
from flatline.record.store import machine

State = Literal["running", "ended", "killed", "unknown"]
# A process that started later than the record has taken over the number of one that is gone. Clocks are set now and then.
CLOCK_SECONDS = 60.0


def state_of(started: RunStarted | None, ended: RunEnded | None) -> State:
    """``ended`` when the record says so, else what the process id says on the machine that made the record.

    >>> state_of(None, None)
    'unknown'
    >>> import os, time
    >>> state_of(RunStarted([], "", {}, time.time(), process=os.getpid(), host=machine()), None)
    'running'
    """
    if ended is not None:
        return "ended"
    if started is None or started.process <= 0 or started.host != machine():
        return "unknown"
    try:
        process = psutil.Process(started.process)
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > started.started + CLOCK_SECONDS:
            return "killed"
    except (psutil.NoSuchProcess, OverflowError):
        return "killed"
    except psutil.Error:
        # It is there and does not let us look.
        return "running"
    return "running"
