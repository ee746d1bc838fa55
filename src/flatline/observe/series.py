"""The numbers of which there is one at every step, kept as columns until they are written."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Protocol

from flatline.observe.events import Points


class Arriving(Protocol):
    """A number that is on its way from a device, which nobody waits for."""

    @property
    def here(self) -> bool:
        """Whether it has come."""
        ...

    def value(self) -> float:
        """The number; waits for it where it has not come."""
        ...


class Numbers:
    """The values of one series that have not been written yet, those among them that have still to come."""

    def __init__(self, number: int) -> None:
        self.number = number
        # The last value that is known.
        self.latest = 1.0
        self._taken = 0
        self._arriving: deque[tuple[int, Arriving]] = deque()
        self.ticks = array("q")
        self.steps = array("q")
        self.values = array("d")
        self.sizes = array("q")

    def add(self, tick: int, step: int, value: float | Arriving, size: int) -> None:
        if isinstance(value, float):
            self.latest = value
        else:
            self._arriving.append((self._taken + len(self.values), value))
        self.ticks.append(tick)
        self.steps.append(step)
        self.values.append(value if isinstance(value, float) else 0.0)
        self.sizes.append(size)

    @property
    def odd(self) -> bool:
        """Whether the last value that is known is 0, NaN or an infinity."""
        return self.latest == 0.0 or self.latest - self.latest != 0.0

    def settle(self, wait: bool = False) -> int:
        """Fills in the values that have come, all of them with ``wait``; how many, from the first on, can be taken."""
        while self._arriving:
            at, number = self._arriving[0]
            at -= self._taken
            try:
                if not wait and not number.here:
                    return at
                self.latest = self.values[at] = number.value()
            except Exception:
                # A device that failed answers nothing any more: the values up to there are what is known.
                self._arriving.clear()
                for column in (self.ticks, self.steps, self.values, self.sizes):
                    del column[at:]
                break
            self._arriving.popleft()
        return len(self.values)

    def take(self, upto: int) -> Points:
        """Removes the first ``upto`` values and returns them as a record."""
        columns = (self.ticks, self.steps, self.values, self.sizes)
        points = Points(self.number, *(column[:upto].tobytes() for column in columns))
        for column in columns:
            del column[:upto]
        self._taken += upto
        return points
