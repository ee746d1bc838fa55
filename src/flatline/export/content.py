"""What is exported of a run, the same for every target."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from flatline.record.recording import Recording
from flatline.report.facts import facts
from flatline.report.markdown import as_markdown
from flatline.report.visible import visible
from flatline.verdict import Verdict

# A curve of a long run is thinned to this many points; its ends, its extremes and the first NaN of each stretch stay.
MOST_POINTS = 10_000
# MLflow has the narrowest rule for names: letters, digits, _ - . / and the space.
_OTHER = re.compile(r"[^\w./ -]+", re.ASCII)
MOST_NAME = 200


@dataclass
class Curve:
    """One curve: a value for each of ``steps``, NaN where the run's was NaN or infinite."""

    name: str
    steps: list[int]
    values: list[float]


@dataclass
class Event:
    """Something that happened at a step: where a symptom first shows, what the probes saw, the end."""

    step: int
    kind: str
    text: str


@dataclass
class Content:
    """All of it. Names of curves begin with ``flatline/``, so that they stand apart from a person's own."""

    run: str
    summary: str
    healthy: bool
    markdown: str
    json: bytes
    settings: dict[str, str]
    curves: list[Curve] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def by_step(self) -> dict[int, dict[str, float]]:
        """The values of each step, in order of steps."""
        found: dict[int, dict[str, float]] = {}
        for curve in self.curves:
            for step, value in zip(curve.steps, curve.values):
                found.setdefault(step, {})[curve.name] = value
        return dict(sorted(found.items()))


def content(recording: Recording, verdict: Verdict, store: Path) -> Content:
    """What is exported of one store."""
    given = facts(recording, verdict, store, most=MOST_POINTS)
    made = Content(
        store.stem,
        visible(verdict.summary),
        verdict.healthy,
        as_markdown(verdict),
        verdict.to_json(),
        {
            "store": str(store),
            "command": visible(given.run.command),
            "seed": str(verdict.run.seed),
            "causes": ", ".join(f"{cause.name} ({cause.level})" for cause in verdict.causes) or "none",
            **{f"version.{name}": version for name, version in verdict.run.versions.items()},
        },
    )
    taken: set[str] = set()
    for line in (*given.losses, *given.rates):
        values = [math.nan if value is None else value for value in line.values]
        name = curve_name(line.kind, line.name, line.where, taken)
        made.curves.append(Curve(name, list(line.steps), values))
    made.events = [Event(mark.step, mark.kind, visible(f"{mark.name}: {mark.text}")) for mark in given.marks]
    return made


def curve_name(kind: str, name: str, where: str, taken: set[str]) -> str:
    """A name that every target allows, and that no other curve has.

    >>> taken = set()
    >>> curve_name("optimised", "loss", "train.py:12", taken), curve_name("optimised", "loss", "train.py:12", taken)
    ('flatline/optimised/loss train.py_12', 'flatline/optimised/loss train.py_12 2')
    """
    base = "/".join(["flatline", kind, f"{name} {where}".strip().replace("/", ".")])
    base = _OTHER.sub("_", base)[:MOST_NAME]
    found, number = base, 2
    while found in taken:
        found, number = f"{base} {number}", number + 1
    taken.add(found)
    return found
