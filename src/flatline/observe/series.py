"""The numbers of which there is one at every step, until they are written."""

from __future__ import annotations

from array import array
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
        # How many more values nobody looks into: of those that are not finite, and of those that are 0.
        self.let_pass: list[float] = [0, 0]
        # Tick, step, value and size. One list, to which a point comes whole: the program may be interrupted anywhere.
        self.points: list[tuple[int, int, float | Arriving, int]] = []
        self._settled = 0

    def add(self, tick: int, step: int, value: float | Arriving, size: int) -> None:
        if isinstance(value, float):
            self.latest = value
        self.points.append((tick, step, value, size))

    @property
    def odd(self) -> bool:
        """Whether the last value that is known is 0, NaN or an infinity."""
        return self.latest == 0.0 or self.latest - self.latest != 0.0

    def passes(self, value: float) -> bool:
        """Whether nobody needs to look into a value that is 0 or not finite; then one fewer may pass.

        >>> series = Numbers(0)
        >>> series.let_pass[True] = 1
        >>> series.passes(float("nan")), series.passes(0.0), series.passes(0.0)
        (False, True, False)
        """
        zero = value == 0.0
        if self.let_pass[zero] <= 0:
            return False
        self.let_pass[zero] -= 1
        return True

    def settle(self, wait: bool = False) -> int:
        """Fills in the values that have come, all of them with ``wait``; how many, from the first on, can be taken."""
        points = self.points
        while self._settled < len(points):
            tick, step, value, size = points[self._settled]
            if not isinstance(value, float):
                try:
                    if not wait and not value.here:
                        break
                    self.latest = known = value.value()
                except Exception:
                    # A device that failed answers nothing any more: the values up to there are what is known.
                    del points[self._settled :]
                    break
                points[self._settled] = (tick, step, known, size)
            else:
                self.latest = value
            self._settled += 1
        return self._settled

    def take(self, upto: int) -> Points:
        """Removes the first ``upto`` values, which have been settled, and returns them as a record."""
        ticks, steps, values, sizes = zip(*self.points[:upto], strict=True)
        del self.points[:upto]
        self._settled -= upto
        columns = (
            array(kind, column).tobytes() for kind, column in zip("qqdq", (ticks, steps, values, sizes), strict=True)
        )
        return Points(self.number, *columns)
