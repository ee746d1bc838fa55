"""The records of one run, put in order and joined, with the questions that symptoms and causes ask of them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.record.secrets import Secrets

R = TypeVar("R", bound=e.Record)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass
class Line:
    """A line of the user's source: ``file`` as the program named it, ``line`` from 1, ``source`` stripped."""

    file: str
    line: int
    source: str
    function: str = ""


@dataclass
class Curve:
    """One series of numbers, in order: what was optimised, what a criterion gave, or what a log says (``logged``).

    ``ticks``, ``steps``, ``sizes`` are int64, ``values`` float64, all of the same length.
    """

    kind: str
    name: str
    place: int | None
    reduction: str
    number: int
    ticks: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    steps: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    sizes: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def called(self) -> str:
        """What a person calls it: of a log, by its name there, for it may not be what was optimised."""
        return f"the logged {self.name}" if self.kind == "logged" else "the optimised loss"

    @property
    def counted(self) -> str:
        """What its values are counted in: a log has entries, not one for each step."""
        return "entries" if self.kind == "logged" else "steps"


@dataclass
class Rows:
    """Aligned rows kept from one criterion call: ``inputs`` of the models, ``target`` and the criterion's input."""

    tick: int
    step: int
    gradient: bool
    inputs: list[NDArray[Any]]
    output: NDArray[Any] | None
    target: NDArray[Any] | None


class Recording:
    """Everything that was observed of one run."""

    def __init__(self, records: list[e.Event], ranks: list[Recording] | None = None) -> None:
        # Whether what is told of it may quote what the program's data say: see `flatline.record.quoting`.
        self.include_data = False
        # The recordings of all processes that trained together, this one among them; empty when there was one.
        self.ranks = ranks if ranks is not None else []
        # The process that forked or spawned them.
        self.starter: Recording | None = None
        self._by_type: dict[type, list[Any]] = {}
        for record in records:
            self._by_type.setdefault(type(record), []).append(record)
        self.places = {p.number: p for p in self.all(e.Place)}
        self.sources = {s.file: s.text for s in self.all(e.Source)}
        self.parsed: dict[str, list[ast.AST]] = {}
        self.curves = self._curves()

    def until(self, steps: int) -> Recording:
        """The recording as it would be, had the program been ended right after that many optimizer steps."""
        records: list[e.Event] = []
        for kept in self._by_type.values():
            for record in kept:
                if isinstance(record, e.Points):
                    count = int(np.searchsorted(np.frombuffer(record.steps, np.int64), steps))
                    columns = (record.ticks, record.steps, record.values, record.sizes)
                    records.append(e.Points(record.series, *(column[: 8 * count] for column in columns)))
                elif isinstance(record, (e.StepCount, e.Intervened)):
                    records += [record] if record.step <= steps else []
                elif not isinstance(record, e.RunEnded) and getattr(record, "step", 0) < steps:
                    records.append(record)
        return Recording(records)

    def all(self, kind: type[R]) -> list[R]:
        """All records of a type, in the order in which they were made."""
        return self._by_type.get(kind, [])

    def _curves(self) -> list[Curve]:
        curves = {s.number: Curve(s.kind, s.name, s.place, s.reduction, s.number) for s in self.all(e.Series)}
        parts: dict[int, list[e.Points]] = {}
        for points in self.all(e.Points):
            parts.setdefault(points.series, []).append(points)
        for number, chunks in parts.items():
            curve = curves[number]
            curve.ticks = np.concatenate([np.frombuffer(c.ticks, np.int64) for c in chunks])
            curve.steps = np.concatenate([np.frombuffer(c.steps, np.int64) for c in chunks])
            curve.values = np.concatenate([np.frombuffer(c.values, np.float64) for c in chunks])
            curve.sizes = np.concatenate([np.frombuffer(c.sizes, np.int64) for c in chunks])
        return [c for c in curves.values() if len(c)]

    # the run ---------------------------------------------------------------------------------------------------

    @cached_property
    def run(self) -> e.RunStarted:
        started = self.all(e.RunStarted)
        if not started:
            return e.RunStarted([], "", {}, 0.0)
        # Older versions kept arguments as they were given.
        return msgspec.structs.replace(started[-1], argv=Secrets().arguments(started[-1].argv))

    @cached_property
    def ended(self) -> e.RunEnded | None:
        ended = self.all(e.RunEnded)
        return ended[-1] if ended else None

    @cached_property
    def steps(self) -> int:
        """Optimizer steps completed (backward passes, when the program moves its weights by hand)."""
        last = [c.steps[-1] for c in self.curves if len(c)]
        return max(
            [int(u.step) + 1 for u in self.all(e.Update)]
            + [int(s) for s in last]
            + [c.step for c in self.all(e.StepCount)]
            + [self.ended.step if self.ended else 0]
        )

    @cached_property
    def cost(self) -> e.Cost:
        """What watching took until the record was written last."""
        costs = self.all(e.Cost)
        return costs[-1] if costs else e.Cost(0.0, 0.0)

    @cached_property
    def overhead(self) -> float:
        """Time with flatline over time without it, by flatline's own clock."""
        spent, total = self.cost.probes, self.cost.total
        return total / (total - spent) if total > spent else 1.0

    @cached_property
    def backwards(self) -> int:
        return sum(len(c) for c in self.optimised)

    @cached_property
    def stopped(self) -> e.StoppedBeforeUpdate | None:
        """Where ``flatline check`` ended the program; None for a run that went as far as it would."""
        stopped = self.all(e.StoppedBeforeUpdate)
        return stopped[0] if stopped else None

    @cached_property
    def first_non_finite(self) -> int | None:
        """The first step whose optimised loss is NaN or infinite."""
        found = [int(c.steps[bad[0]]) for c in self.optimised if len(bad := np.flatnonzero(~np.isfinite(c.values)))]
        return min(found, default=None)

    def rows_at(self, step: int) -> int | None:
        """The rows of the batch that the criterion saw at a step, from the sizes of its calls; None when not seen."""
        sizes = [int(c.sizes[i]) for c in self.criteria for i in np.flatnonzero(c.steps == step)]
        return max(sizes, default=None)

    # losses ----------------------------------------------------------------------------------------------------

    @cached_property
    def optimised(self) -> list[Curve]:
        """What ``backward`` ran on, a curve for each line that calls it, the longest first; of a log, its losses."""
        return sorted((c for c in self.curves if c.kind in ("optimised", "logged")), key=len, reverse=True)

    @cached_property
    def criteria(self) -> list[Curve]:
        return [c for c in self.curves if c.kind == "criterion"]

    @cached_property
    def evaluations(self) -> list[Curve]:
        return [c for c in self.curves if c.kind == "evaluation"]

    def curve(self, number: int) -> Curve | None:
        return next((c for c in self.curves if c.number == number), None)

    @cached_property
    def calls(self) -> list[e.CriterionCall]:
        """Measured criterion calls of training."""
        return [c for c in self.all(e.CriterionCall) if c.gradient or c.place in self._training_places]

    @cached_property
    def _training_places(self) -> set[int | None]:
        return {c.place for c in self.curves if c.kind in ("criterion", "optimised")}

    def calls_of(self, curve: Curve) -> list[e.CriterionCall]:
        return [c for c in self.all(e.CriterionCall) if c.series == curve.number]

    @cached_property
    def epochs(self) -> list[e.EpochEnded]:
        return self.all(e.EpochEnded)

    # samples ---------------------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[Rows]:
        """Rows of inputs with their targets, joined by the step in which they were used."""
        result: list[Rows] = []
        inputs: list[NDArray[Any]] = []
        before = False
        for sample in self.all(e.Sample):
            array = np.frombuffer(sample.data, np.dtype(sample.dtype)).reshape(sample.shape)
            if sample.role == "input":
                # A model that computes its loss itself (transformers) is done after its criterion, and never before it.
                last = result[-1] if result and not before else None
                if last is not None and last.target is not None and not inputs and last.step == sample.step:
                    if last.gradient == sample.gradient:
                        last.inputs.append(array)
                        continue
                if result and result[-1].target is not None and sample.name == "input 0":
                    inputs = []
                inputs.append(array)
                continue
            if sample.role == "prediction":
                continue
            if not result or result[-1].tick != sample.tick:
                result.append(Rows(sample.tick, sample.step, sample.gradient, inputs, None, None))
                before = before or bool(inputs)
                inputs = []
            if sample.role == "output":
                result[-1].output = array
            else:
                result[-1].target = array
        return result

    # lines -----------------------------------------------------------------------------------------------------

    def line(self, place: int | None) -> Line | None:
        """The user's line with that number."""
        found = self.places.get(place) if place is not None else None
        if found is None:
            return None
        return self.line_at(found.file, found.line, found.function)

    def line_at(self, file: str, number: int, function: str = "") -> Line:
        lines = lines_of(self.sources.get(file, ""))
        source = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        return Line(file, number, source, function)

    # objects ---------------------------------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> dict[int, e.ParameterSeen]:
        return {p.number: p for p in self.all(e.ParameterSeen)}

    @cached_property
    def optimizers(self) -> dict[int, e.OptimizerSeen]:
        return {o.number: o for o in self.all(e.OptimizerSeen)}

    def parameter_name(self, number: int) -> str:
        found = self.parameters.get(number)
        return found.name if found is not None and found.name else f"parameter {number}"


def lines_of(source: str) -> list[str]:
    """The lines of a source as Python counts them: a form feed or U+2028 begins none.

    >>> lines_of("a\\x0c\\nb\\u2028c")
    ['a\\x0c', 'b\\u2028c']
    """
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
