"""Takes in the records of a run one by one and keeps what a page draws, within bounds."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, field

import msgspec
import numpy as np

from flatline.live.curves import ThinnedCurve
from flatline.observe import events as e
from flatline.record.secrets import Secrets
from flatline.report.visible import visible

# A program may have a loss for every layer; a page with more curves than this is read by nobody.
MOST_SERIES = 24
MOST_EPOCHS = 60
MOST_TENSORS = 100_000
MOST_LOADERS = 10_000
GRADIENT, UPDATE, RATE = -1, -2, -3


@dataclass
class Shown:
    """One curve with what it is called."""

    kind: str
    name: str
    place: int | None
    curve: ThinnedCurve = field(default_factory=ThinnedCurve)


class Intake:
    """What is known of a run after the records taken so far. Everything in it is of bounded size."""

    def __init__(self) -> None:
        self.started: e.RunStarted | None = None
        self.ended: e.RunEnded | None = None
        self.series: dict[int, Shown] = {}
        self.left_out = 0
        self.steps = 0
        self.epoch_count = 0
        self._epochs: list[int] = []
        self._places: dict[int, str] = {}
        self._loaders: dict[int, int] = {}
        self._passes: dict[int, int] = {}
        self._optimizers: dict[int, str] = {}
        self._elements: dict[int, int] = {}
        self._cost: e.Cost | None = None
        self._printed = ""

    def take(self, event: e.Event, row: int) -> None:
        """One record, from that row of the store.

        Raises:
            ValueError: the record is none that a probe writes.
        """
        if isinstance(event, e.Points):
            self._points(event, row)
        elif isinstance(event, e.Series):
            self.left_out += self._show(event.number, event.kind, event.name, event.place) is None
        elif isinstance(event, e.Place):
            if len(self._places) < 10_000:
                self._places[event.number] = f"{event.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{event.line}"
        elif isinstance(event, e.Update):
            self._update(event, row)
        elif isinstance(event, e.LearningRate):
            if event.rates:
                self._add(RATE - event.optimizer, "rate", "learning rate", event.step, event.rates[0], row)
        elif isinstance(event, e.EpochEnded):
            self._epoch(event)
        elif isinstance(event, e.LoaderSeen):
            # A program may make a loader for every epoch: they are told apart by the line that makes them.
            if event.place is not None and len(self._loaders) < MOST_LOADERS:
                self._loaders[event.number] = -1 - event.place
        elif isinstance(event, e.OptimizerSeen):
            if len(self._optimizers) < 8:
                self._optimizers[event.number] = describe(event)
        elif isinstance(event, e.ParameterSeen):
            # Seen again when its name becomes known.
            if event.number in self._elements or len(self._elements) < MOST_TENSORS:
                self._elements[event.number] = math.prod(event.shape)
        elif isinstance(event, e.StepCount):
            self.steps = max(self.steps, event.step)
        elif isinstance(event, e.Cost):
            self._cost = event
        elif isinstance(event, e.Printed):
            self._printed = event.text.strip()[:300] or self._printed
        elif isinstance(event, e.RunStarted):
            self.started = msgspec.structs.replace(event, argv=Secrets().arguments(event.argv))
        elif isinstance(event, e.RunEnded):
            self.ended = event
            self.steps = max(self.steps, event.step)

    @property
    def loss(self) -> float | None:
        """The last value of the optimised loss; of several, of the one with the most points."""
        curves = [shown.curve for shown in self.series.values() if shown.kind == "optimised" and shown.curve.points]
        return max(curves, key=lambda curve: curve.points).last_value if curves else None

    def where(self, place: int | None) -> str:
        return visible(self._places.get(place, "")) if place is not None else ""

    def facts(self) -> dict[str, str]:
        """What a page lists beside the curves, in order."""
        facts: dict[str, str] = {}
        if self.started is not None:
            facts["command"] = shlex.join(self.started.argv)[:2_000]
            facts["folder"] = self.started.directory
        if self._optimizers:
            facts["optimizer"] = "; ".join(self._optimizers.values())
        if self._elements:
            facts["parameters"] = f"{sum(self._elements.values()):,} in {len(self._elements)} tensors"
        if self.epoch_count:
            facts["epochs"] = str(self.epoch_count)
        if self._cost is not None and self._cost.total > self._cost.probes > 0:
            facts["recorded for"] = f"{self._cost.total:.0f} s"
            facts["overhead"] = f"×{self._cost.total / (self._cost.total - self._cost.probes):.2f}"
        if self.started is not None:
            facts.update({name: str(version)[:80] for name, version in list(self.started.versions.items())[:8]})
            if self.started.seed is not None:
                facts["seed"] = str(self.started.seed)
        if self._printed:
            facts["last line"] = self._printed
        return {name: visible(text) for name, text in facts.items()}

    def _show(self, number: int, kind: str, name: str, place: int | None) -> Shown | None:
        if number not in self.series:
            if len(self.series) >= MOST_SERIES:
                return None
            self.series[number] = Shown(kind, visible(name[:200]), place)
        return self.series[number]

    def _points(self, points: e.Points, row: int) -> None:
        shown = self.series.get(points.series)
        if shown is None:
            return
        shown.curve.add(np.frombuffer(points.steps, np.int64), np.frombuffer(points.values, np.float64), row)
        if shown.kind == "optimised":
            self.steps = max(self.steps, shown.curve.last_step)

    def _add(self, number: int, kind: str, name: str, step: int, value: float, row: int) -> None:
        shown = self._show(number, kind, name, None)
        if shown is not None:
            shown.curve.add([step], [value], row)

    def _update(self, update: e.Update, row: int) -> None:
        """The norm of all gradients, and of all changes relative to all weights."""
        if not update.parameters:
            return
        gradient = _norm([p.gradient for p in update.parameters if p.has_gradient])
        change, weight = _norm([p.update for p in update.parameters]), _norm([p.weight for p in update.parameters])
        self._add(GRADIENT, "gradient", "gradient norm", update.step, gradient, row)
        self._add(UPDATE, "update", "update / weight", update.step, change / weight if weight else math.nan, row)

    @property
    def epochs(self) -> list[int]:
        """The steps at which passes ended, when there are few enough to be marked on a curve."""
        return self._epochs if self.epoch_count <= MOST_EPOCHS else []

    def _epoch(self, epoch: e.EpochEnded) -> None:
        """Counts passes over the loader that has the most of them."""
        loader = self._loaders.get(epoch.loader, epoch.loader)
        if loader not in self._passes and len(self._passes) >= MOST_LOADERS:
            return
        passes = self._passes[loader] = self._passes.get(loader, 0) + 1
        if passes > self.epoch_count:
            self.epoch_count = passes
            if passes <= MOST_EPOCHS:
                self._epochs.append(epoch.step)


def describe(optimizer: e.OptimizerSeen) -> str:
    """An optimizer with its settings that are not left at nothing.

    >>> describe(e.OptimizerSeen(0, "SGD", None, {"lr": 0.1, "momentum": 0, "nesterov": False}, []))
    'SGD lr 0.1'
    """
    set_ = [f"{name} {value}" for name, value in optimizer.options.items() if value and value is not True]
    return " ".join([optimizer.name, *set_])[:200]


def _norm(values: list[float]) -> float:
    try:
        return math.sqrt(sum(value * value for value in values))
    except (OverflowError, ValueError):
        return math.nan
