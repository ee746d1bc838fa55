"""What watching costs, by our own clock, and how much of it the sampled steps may still spend."""

from __future__ import annotations

import time
from collections.abc import Callable

from flatline.observe.events import Cost

# The share of the run's time that flatline may take.
BUDGET = 0.03
# What sampled steps may cost in any run: most faults show in the first steps, and a program of a few seconds has no
# others. At the default budget it is what a run of 8 seconds may spend.
ALLOWED_SECONDS = 0.25
# What cannot be put off (the loss of every step, start-up) may be dearer than the whole budget where a step takes less
# than a millisecond. Sampled steps become rarer with the logarithm of the steps, and have a third for themselves.
SAMPLING_SHARE = 1 / 3
# A clock in our code does not see what it does to the program's: caches that it empties, memory that it takes first. So
# sampled steps are begun while two thirds of the budget are spent by that clock, and the rest is kept for what it misses.
SEEN = 2 / 3
_CALLS = 64


class Budget:
    """Counts flatline's own seconds: start-up, hooks, sampled steps and writing.

    ``share`` is the part of the run's time that may be spent. Each hook tells the seconds inside it; what it costs to
    come there and back, which it cannot see, is measured once and added. ``sampling`` are the seconds of work in hooks of
    sampled steps.
    """

    def __init__(self, share: float = BUDGET) -> None:
        self.share = share
        # Kept: programs and their tests replace the functions of ``time``.
        self._clock = time.perf_counter
        self.started = self._clock()
        self.spent = 0.0
        # By the clock of the processor: where many programs share a machine, that of the wall runs on while they do.
        self.sampling = 0.0
        self.each = 0.0

    def calibrate(self, hook: Callable[[], None]) -> None:
        """Measures what an empty ``hook`` costs, so that it can be added for each one."""
        clock = self._clock
        costs = []
        for _ in range(_CALLS):
            began = clock()
            hook()
            costs.append(clock() - began)
        # Twice: around each hook stands a function in the place of torch's, and both find a cold cache.
        self.each = 2 * min(costs)
        self.spent = self.sampling = 0.0

    def since(self, began: float) -> None:
        """Counts all time since ``began`` (of ``time.perf_counter``), before which nothing of flatline was there."""
        self.spent += self._clock() - began
        self.started = min(self.started, began)

    def affordable(self) -> bool:
        """Whether the next sampled step can be paid.

        >>> budget = Budget(0.03)
        >>> budget.spent = 0.2
        >>> budget.sampling = 0.2
        >>> budget.affordable()
        True
        >>> budget.sampling = 0.4
        >>> budget.affordable()
        False
        >>> budget.share = 1.0
        >>> budget.affordable()
        True
        """
        if self.share >= 1:
            # The whole of the time is no limit.
            return True
        elapsed = self._clock() - self.started
        if self.spent <= SEEN * self.share * elapsed:
            return True
        return self.sampling <= max(ALLOWED_SECONDS, SAMPLING_SHARE * self.share * elapsed)

    def cost(self, now: float) -> Cost:
        """The record of what was spent until ``now``."""
        return Cost(self.spent, now - self.started, self.share)
