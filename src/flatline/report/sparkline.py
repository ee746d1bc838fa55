"""A loss curve in one line of text."""

from __future__ import annotations

import numpy as np

from flatline.record.recording import Floats

BLOCKS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "×"


def sparkline(values: Floats, width: int = 40, scale: Floats | None = None) -> str:
    """A bar for each of equally many neighbouring values: the height of their mean, or × where one is NaN or infinite.

    Bars stand on 0, as a loss does; on the least value where one is negative. A loss that hardly moves looks so.
    ``scale`` holds further values that the bars are drawn to the scale of, so that curves can be compared.

    >>> sparkline(np.array([4.0, 3, 2, 1, np.nan]), 5)
    '█▆▅▃×'
    >>> sparkline(np.array([2.31, 2.29, 2.3]), 3), sparkline(np.zeros(100), 5), sparkline(np.array([-1.0, 0, 1]), 3)
    ('███', '▁▁▁▁▁', '▁▅█')
    >>> sparkline(np.array([1.0, 2.0]), 2, np.array([4.0]))
    '▃▅'
    """
    parts = np.array_split(values, min(width, len(values))) if len(values) else []
    means = np.array([part.mean() if np.isfinite(part).all() else np.nan for part in parts])
    finite = means[np.isfinite(means)]
    if not len(finite):
        return NOT_FINITE * len(means)
    beside = scale[np.isfinite(scale)] if scale is not None else finite
    low = min(0.0, float(finite.min()), float(beside.min(initial=0.0)))
    span = max(float(finite.max()), float(beside.max(initial=low))) - low
    share = (means - low) / span if span > 0 else means - means
    top = len(BLOCKS) - 1
    # Halves up: Python rounds them to the even number.
    return "".join(BLOCKS[int(s * top + 0.5)] if np.isfinite(s) else NOT_FINITE for s in share)
