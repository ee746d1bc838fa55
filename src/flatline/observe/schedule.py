"""Which steps are measured in full."""

from __future__ import annotations

import math
from collections.abc import Callable

# Measured whatever it costs: a gradient that was not cleared shows from the second step, a rate that is far too high
# in the first updates.
FIRST = 4
DENSE = 12
GROWTH = 1.2
# A step that cannot be paid for is put off by this part of the steps before it.
PUT_OFF = 64


class Schedule:
    """Dense at the start, then at steps that grow by a constant factor, and dense again after an event.

    The loss itself is recorded at every step; the schedule is for what costs time: statistics of tensors, the
    autograd graph, gradients and updates. With growth g, n steps give about ``log(n) / log(g)`` samples.

    >>> schedule = Schedule()
    >>> [step for step in range(40) if schedule.wants(step)]
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 18, 22, 27, 33]
    """

    def __init__(self, dense: int = DENSE, growth: float = GROWTH) -> None:
        self._growth = growth
        self._dense = dense
        self._always_until = min(FIRST, dense)
        self._next = 0.0

    def wants(self, step: int, affordable: Callable[[], bool] = lambda: True) -> bool:
        """Whether a step is to be measured. One that is due and not ``affordable`` is put off, not left out.

        >>> schedule = Schedule()
        >>> [step for step in range(20) if schedule.wants(step, lambda: step > 14)]
        [0, 1, 2, 3, 15, 18]
        """
        if step < self._always_until or (step >= self._next and affordable()):
            self._next = step + 1.0 if step < self._dense else max(step + 1.0, step * self._growth)
            return True
        if step >= self._next:
            # Not asked for again at each of the steps until then.
            self._next = step + 1.0 + step // PUT_OFF
        return False

    @property
    def due(self) -> int:
        """The first step that may be wanted after one that was not.

        >>> schedule = Schedule()
        >>> [schedule.wants(step) for step in (12, 13)], schedule.due
        ([True, False], 15)
        """
        return math.ceil(self._next)

    def event(self, step: int, extra: int = 3) -> None:
        """Something happened at ``step``: measure the next ``extra`` steps too."""
        self._always_until = max(self._always_until, step + 1 + extra)
