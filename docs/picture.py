"""The picture of a cause's page: the loss that was optimised, the numbers that were printed, and what chance gives."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot

from flatline.record.chance import chance_level
from flatline.record.printed import printed_losses
from flatline.record.recording import Recording

# More points than a picture of this width can show.
MOST = 400
STYLE = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "flatline",
}


def draw(recording: Recording, path: Path) -> bool:
    """Writes an SVG; False when nothing was optimised."""
    curves = recording.optimised[:2]
    if not curves:
        return False
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(6.4, 2.2), layout="constrained")
        for curve, colour in zip(curves, ("#b3261e", "#6a6a6a")):
            chosen = np.unique(np.linspace(0, len(curve) - 1, MOST).astype(int))
            label = "optimised loss" if len(curves) == 1 else f"optimised, line {_line(recording, curve.place)}"
            axes.plot(
                chosen, curve.values[chosen], color=colour, lw=1.2, label=label, marker="." if len(curve) < 3 else ""
            )
            bad = chosen[~np.isfinite(curve.values[chosen])]
            if len(bad):
                bottom = axes.get_ylim()[0]
                axes.plot(
                    bad, np.full(len(bad), bottom), "x", color=colour, ms=4, label="NaN or infinite", clip_on=False
                )
        printed = [p for p in printed_losses(recording) if not p.evaluation][:1]
        for series in printed:
            ticks = np.array([n.tick for n in series.numbers])
            at = np.searchsorted(curves[0].ticks, ticks)
            values = np.array([n.value for n in series.numbers])
            axes.plot(at, values, "o", mfc="none", color="#1a5fb4", ms=4, label="printed", clip_on=False)
        chance = chance_level(recording)
        shown = curves[0].values[np.isfinite(curves[0].values)]
        if chance is not None and len(shown) and 0 < chance.value < 5 * max(float(shown.max()), chance.value / 4):
            axes.axhline(chance.value, color="#888", lw=0.8, ls=":", label="best constant prediction")
        if len(shown) and float(shown.max()) > 1000 * max(float(np.median(np.abs(shown))), 1e-12):
            axes.set_yscale("symlog", linthresh=max(float(np.median(np.abs(shown))), 1e-6))
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return True


def _line(recording: Recording, place: int | None) -> str:
    line = recording.line(place)
    return str(line.line) if line is not None else "unknown"
