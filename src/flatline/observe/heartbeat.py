"""Ends a probe of ours that hangs, so that the program goes on without it.

The process that started the program shares two numbers with it: when the probe that runs now on the main thread began
(0 while none runs), and how many writes to the store have been given up since the last that went well. It cannot wait
for ever: where a probe has run for too long, it sends a signal that no program uses, and the handler here raises
:class:`Overdue` inside the probe. No thread and no timer of ours is in the program.

What runs in C without coming back, such as a disk that never answers, cannot be ended from within.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
from array import array
from collections.abc import MutableSequence
from types import FrameType
from typing import cast

# One that neither glibc (the first of them) nor Python uses; absent where there are no real-time signals.
SIGNAL: int | None = signal.SIGRTMAX - 3 if sys.platform == "linux" else None
SIZE = 16
BEGAN, GIVEN_UP = 0, 1


class Overdue(BaseException):
    """A probe of ours has run for too long. No ``except Exception`` on the way may keep it from ending."""


def unshared() -> MutableSequence[float]:
    """The two numbers where nobody looks at them."""
    return array("d", (0.0, 0.0))


def shared(descriptor: int) -> MutableSequence[float]:
    """The two numbers in the memory behind a descriptor, which is closed.

    Raises:
        OSError, ValueError: it is no such memory.
    """
    try:
        memory = mmap.mmap(descriptor, SIZE)
    finally:
        os.close(descriptor)
    return cast("MutableSequence[float]", memoryview(memory).cast("d"))


def heed(numbers: MutableSequence[float], guards: frozenset[object]) -> None:
    """From now on the signal ends a probe that is overdue. Called on the main thread; elsewhere there are no handlers.

    ``guards`` are the code objects of what calls the probes: an error raised in one, not below, would reach the program.
    """

    def end(_number: int, frame: FrameType | None) -> None:
        # Nothing runs any more when the signal comes late.
        if numbers[BEGAN] and frame is not None and frame.f_code not in guards:
            numbers[BEGAN] = 0.0
            raise Overdue("it did not come to its end in time")

    if SIGNAL is not None:
        signal.signal(SIGNAL, end)
        # A call of the program's that the signal meets goes on.
        signal.siginterrupt(SIGNAL, False)
