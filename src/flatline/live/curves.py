"""A curve of bounded size, built as its points come in: nothing that stands out is lost by thinning."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from flatline.live.answers import CurvePart

# About the width of a large screen in points: more cannot be told apart on it. Even, so that halving leaves no rest.
CAPACITY = 2_000


class ThinnedCurve:
    """At most ``CAPACITY`` stretches of a series; each holds its first and last step, least, mean and greatest value.

    All stretches are of ``stride`` points but for the last, which fills. When a new one has no room, neighbours are
    joined two by two and the stride doubles: n points cost O(n) in all, and a single spike or NaN stays to be seen.

    >>> curve = ThinnedCurve()
    >>> curve.add([0, 1], [0.5, float("nan")], row=1)
    >>> part = curve.since(0)
    >>> part.steps, part.mean, part.bad
    ([0, 1], [0.5, None], [0, 1])
    """

    def __init__(self) -> None:
        self.stride = 1
        self.points = 0
        self.last_step = -1
        self.last_value: float | None = None
        self._count = 0
        self._filled = 0
        self._rebuilt = 0
        # One place more than is kept: a piece is written there before it is joined to the last stretch.
        self._first, self._last, self._finite, self._bad, self._row = np.zeros((5, CAPACITY + 1), np.int64)
        self._low, self._high, self._sum = np.zeros((3, CAPACITY + 1))

    def add(self, steps: ArrayLike, values: ArrayLike, row: int) -> None:
        """Appends points: ``steps`` [n] whole numbers, ``values`` [n]; ``row`` is the row of the store they came with.

        Raises:
            ValueError: the two are not of one length.
        """
        step, value = np.asarray(steps, np.int64), np.asarray(values, np.float64)
        if step.shape != value.shape or step.ndim != 1:
            raise ValueError(f"{step.size} steps and {value.size} values")
        if not len(step):
            return
        self.points += len(step)
        self.last_step, self.last_value = int(step[-1]), float(value[-1])
        at = 0
        while at < len(step):
            left = len(step) - at
            if self._count and self._filled < self.stride:
                upto = at + min(left, self.stride - self._filled)
                self._write(step[at:upto], value[at:upto], 1, row)
                last, piece = slice(self._count - 1, self._count), slice(self._count, self._count + 1)
                self._join(last, last, piece)
                self._filled += upto - at
            elif self._count == CAPACITY:
                self._halve(row)
                continue
            else:
                whole = min(left // self.stride, CAPACITY - self._count)
                upto = at + (whole * self.stride or left)
                self._write(step[at:upto], value[at:upto], max(whole, 1), row)
                self._count += max(whole, 1)
                self._filled = self.stride if whole else left
            at = upto

    def _write(self, steps: Any, values: Any, stretches: int, row: int) -> None:
        """Writes points as so many stretches of equal length behind the last one."""
        here = slice(self._count, self._count + stretches)
        step, value = steps.reshape(stretches, -1), values.reshape(stretches, -1)
        finite = np.isfinite(value)
        self._first[here], self._last[here] = step[:, 0], step[:, -1]
        self._low[here] = np.where(finite, value, np.inf).min(1)
        self._high[here] = np.where(finite, value, -np.inf).max(1)
        with np.errstate(over="ignore"):
            self._sum[here] = np.where(finite, value, 0.0).sum(1)
        self._finite[here], self._bad[here] = finite.sum(1), (~finite).sum(1)
        self._row[here] = row

    def _join(self, into: slice, left: slice, right: slice) -> None:
        """Each stretch of ``left`` with its neighbour in ``right``."""
        self._first[into], self._last[into] = self._first[left], self._last[right]
        self._low[into] = np.minimum(self._low[left], self._low[right])
        self._high[into] = np.maximum(self._high[left], self._high[right])
        with np.errstate(over="ignore"):
            self._sum[into] = self._sum[left] + self._sum[right]
        self._finite[into] = self._finite[left] + self._finite[right]
        self._bad[into] = self._bad[left] + self._bad[right]
        self._row[into] = np.maximum(self._row[left], self._row[right])

    def _halve(self, row: int) -> None:
        self._join(slice(0, CAPACITY // 2), slice(0, CAPACITY, 2), slice(1, CAPACITY, 2))
        self._count = CAPACITY // 2
        self.stride *= 2
        self._filled = self.stride
        self._rebuilt = row

    def since(self, row: int) -> CurvePart:
        """The stretches that a row after ``row`` has touched; all of them when they were joined since.

        ``start`` of the answer is the place of the first of them: what the reader holds from there on is replaced.
        Where no finite value lies in a stretch, its mean, least and greatest are None.
        """
        start = 0
        if row >= self._rebuilt and row > 0:
            start = int(np.searchsorted(self._row[: self._count], row, "right"))
        here = slice(start, self._count)
        empty = self._finite[here] == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = _numbers(np.where(empty, np.nan, self._sum[here] / self._finite[here]))
        single = self.stride == 1
        return CurvePart(
            stride=self.stride,
            start=start,
            steps=self._first[here].tolist(),
            mean=mean,
            bad=self._bad[here].tolist(),
            ends=None if single else self._last[here].tolist(),
            low=None if single else _numbers(np.where(empty, np.nan, self._low[here])),
            high=None if single else _numbers(np.where(empty, np.nan, self._high[here])),
        )


def _numbers(values: Any) -> list[float | None]:
    """Seven digits of each, as many as a float32 has; None for what is not finite, which JSON cannot hold."""
    return [float(f"{value:.7g}") if -np.inf < value < np.inf else None for value in values.tolist()]
