"""Fewer points of a long curve that draw the same line."""

from __future__ import annotations

import numpy as np

from flatline.record.recording import Floats, Integers

# First, last, lowest, highest of a bucket, and its first number that is none.
POINTS_A_BUCKET = 5


def thin(values: Floats, most: int) -> Integers:
    """Which points of a curve to keep: indices, int64, ascending, at most ``most`` of them (at least 10).

    Of each of equally many neighbouring points the first, the last, the lowest and the highest are kept, which draws
    the same line as all points where a bucket is no wider than a pixel (M4: Jugel, Jerzak, Hackenbroich and Markl,
    VLDB 2014); and the first that is NaN or infinite, so that none is lost.

    >>> values = np.zeros(1000)
    >>> values[123], values[777] = 5.0, np.nan
    >>> kept = thin(values, 50)
    >>> len(kept) <= 50, set(kept.tolist()) >= {0, 123, 777, 999}
    (True, True)
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, max(2, most // POINTS_A_BUCKET) + 1).astype(np.int64)
    finite = np.isfinite(values)
    kept: set[int] = set()
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist()):
        kept |= {start, end - 1}
        inside = finite[start:end]
        if inside.any():
            part = values[start:end]
            kept.add(start + int(np.argmin(np.where(inside, part, np.inf))))
            kept.add(start + int(np.argmax(np.where(inside, part, -np.inf))))
        if not inside.all():
            kept.add(start + int(np.argmin(inside)))
    return np.array(sorted(kept), np.int64)


def short(value: float) -> float | None:
    """A number with six significant digits, which is more than a screen shows; None for NaN and infinities.

    >>> short(0.123456789), short(float("nan"))
    (0.123457, None)
    """
    # Adding 0 makes a zero of a negative zero.
    return float(f"{value:.6g}") + 0.0 if np.isfinite(value) else None
