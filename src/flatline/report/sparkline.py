"""A loss curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_NOT_FINITE = "×"
# Beyond two decades a linear scale shows a spike and nothing else.
_DECADES = 100.0


def sparklines(curves: Sequence[Sequence[float]], width: int = 32) -> list[str]:
    """Curves as bars on one scale, so that they can be compared; logarithmic when they span two decades.

    A bar is the mean of the values that share it; one that is NaN or infinite shows as ×.

    >>> sparklines([[1, 2, 3, 4], [4, 4]])
    ['▁▃▆█', '██']
    >>> sparklines([[1.0, float("nan")], [0.0]])
    ['█×', '▁']
    """
    finite = [v for curve in curves for v in curve if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    logarithmic = low > 0 and high / low > _DECADES

    def scaled(value: float) -> float:
        return math.log(value) if logarithmic else value

    span = scaled(high) - scaled(low) if finite else 0.0

    def bar(values: Sequence[float]) -> str:
        if not all(math.isfinite(v) for v in values):
            return _NOT_FINITE
        height = (scaled(sum(values) / len(values)) - scaled(low)) / span if span > 0 else 0.0
        return _BARS[min(len(_BARS) - 1, int(height * len(_BARS)))]

    return ["".join(bar(part) for part in _parts(curve, width)) for curve in curves]


def _parts(curve: Sequence[float], width: int) -> list[Sequence[float]]:
    """The curve cut into at most ``width`` pieces of nearly equal length, none empty."""
    count = min(width, len(curve))
    return [curve[len(curve) * i // count : len(curve) * (i + 1) // count] for i in range(count)]
