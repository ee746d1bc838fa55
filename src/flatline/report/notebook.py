"""The verdict in a notebook: an HTML fragment that needs no script and nothing from outside."""

from __future__ import annotations

import os
from pathlib import Path

from flatline.record.recording import Floats
from flatline.report.html import environment
from flatline.report.thinning import thin
from flatline.report.words import harmless, sentences, standing, titles
from flatline.verdict import Verdict

MOST_POINTS = 400
MOST_POSSIBLE = 2
WIDTH, HEIGHT = 320, 48


def as_html(verdict: Verdict, curve: Floats | None = None) -> str:
    """A verdict as a fragment; what came from the program is escaped. ``curve`` is the optimised loss."""
    verdict = harmless(verdict)
    sight, follows = sentences(verdict.summary)
    state, tag = standing(verdict)
    known = titles()
    return environment().get_template("notebook.html").render(
        verdict=verdict,
        shown=verdict.faults + [c for c in verdict.causes if c.level == "possible"][:MOST_POSSIBLE],
        sight=sight,
        follows=follows,
        state=state,
        tag=tag,
        titles={c.name: known.get(c.name, c.name) for c in verdict.causes},
        where={c.name: f"{_shown(c.location.file)}:{c.location.line}" for c in verdict.causes if c.location is not None},
        path=svg_path(curve) if curve is not None and len(curve) > 1 else "",
        first=float(curve[0]) if curve is not None and len(curve) else None,
        last=float(curve[-1]) if curve is not None and len(curve) else None,
        width=WIDTH,
        height=HEIGHT,
    )  # fmt: skip


def _shown(file: str) -> str:
    return Path(os.path.basename(file)).name


def svg_path(values: Floats) -> str:
    """The curve as an SVG path in a box of WIDTH x HEIGHT; broken where values are NaN or infinite.

    >>> import numpy as np
    >>> svg_path(np.array([1.0, 0.0, np.nan, 0.0, 1.0]))
    'M0.0 2.0L80.0 46.0M240.0 46.0L320.0 2.0'
    """
    import numpy as np

    kept = thin(values, MOST_POINTS)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, span = float(finite.min()), float(finite.max() - finite.min()) or 1.0
    parts: list[str] = []
    begins = True
    for index in kept.tolist():
        value = values[index]
        if not np.isfinite(value):
            begins = True
            continue
        x, y = WIDTH * index / (len(values) - 1), HEIGHT - 2 - (HEIGHT - 4) * (value - low) / span
        parts.append(f"{'M' if begins else 'L'}{x:.1f} {y:.1f}")
        begins = False
    return "".join(parts)
