"""A loss curve in one line of text."""

from __future__ import annotations

import numpy as np

from flatline.record.reader import Floats

BLOCKS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "×"


def sparkline(values: Floats, width: int = 40) -> str:
    """A bar for each of equally many neighbouring values: the height of their mean, or × where one is NaN or infinite.

    >>> sparkline(np.array([4.0, 3, 2, 1, np.nan]), 5)
    '█▆▃▁×'
    >>> sparkline(np.zeros(100), 5)
    '▁▁▁▁▁'
    """
    parts = np.array_split(values, min(width, len(values))) if len(values) else []
    means = np.array([part.mean() if np.isfinite(part).all() else np.nan for part in parts])
    finite = means[np.isfinite(means)]
    if not len(finite):
        return NOT_FINITE * len(means)
    low, span = finite.min(), finite.max() - finite.min()
    # The mean of equal numbers can differ from them in the last bit.
    share = (means - low) / span if span > 1e-12 * np.abs(finite).max() else means - means
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round(s * top)] if np.isfinite(s) else NOT_FINITE for s in share)
