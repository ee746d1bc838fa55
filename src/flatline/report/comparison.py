"""Two runs side by side in the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from flatline.causes.case import number
from flatline.record.recording import Recording
from flatline.report.curves import ended, rates
from flatline.report.sparkline import sparkline
from flatline.report.visible import visible
from flatline.verdict import Verdict

Side = tuple[str, Recording, Verdict]
WIDTH = 24


def comparison(one: Side, other: Side) -> Table:
    """A row for each thing that a person compares; those that differ have an asterisk."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for name, _, _ in (one, other):
        table.add_column(visible(name), overflow="fold", ratio=1)
    first, second = rows(one[1], one[2]), rows(other[1], other[2])
    for name in first:
        a, b = visible(first[name]), visible(second[name])
        differs = a != b and name != "curve"
        style = "" if differs or name == "curve" else "dim"
        table.add_row(
            Text(f"{name} *" if differs else name, "bold" if differs else "dim"), Text(a, style), Text(b, style)
        )
    return table


def rows(recording: Recording, verdict: Verdict) -> dict[str, str]:
    curve = recording.optimised[0].values if recording.optimised else None
    finite = curve[abs(curve) < float("inf")] if curve is not None else None
    none = "none"
    return {
        "verdict": verdict.summary,
        "causes": ", ".join(f"{c.name} ({c.level})" for c in verdict.causes) or none,
        "curve": sparkline(curve, WIDTH) if curve is not None else none,
        "loss first": number(float(curve[0])) if curve is not None else none,
        "loss last": number(float(curve[-1])) if curve is not None else none,
        "loss least": number(float(finite.min())) if finite is not None and len(finite) else none,
        "steps": str(verdict.run.steps),
        "epochs": str(verdict.run.epochs or "?"),
        "learning rate": ", ".join(_rate(line.values) for line in rates(recording, 2000)) or none,
        "seed": str(verdict.run.seed),
        "program": " ".join(verdict.run.argv),
        "ended": ended(recording),
        "versions": ", ".join(f"{name} {version}" for name, version in verdict.run.versions.items()),
    }


def _rate(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "not finite"
    low, high = min(known), max(known)
    return number(low) if low == high else f"{number(low)} to {number(high)}"
