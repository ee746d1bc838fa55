"""Builds recordings by hand, record by record, for the tests of what is made from them."""

from __future__ import annotations

import tempfile
import textwrap
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.record.recording import Line, Recording
from flatline.record.store import Writer

FILE = "train.py"


class Tape:
    """What the probes would have emitted, in order: each method is one observation and moves the clock by one."""

    def __init__(self, source: str = "") -> None:
        self.source = textwrap.dedent(source).lstrip("\n")
        self.tick = 0
        self.step = 0
        self._records: list[e.Event] = [e.RunStarted([FILE], "", {}, 0.0), e.Source(FILE, self.source)]
        self._places: dict[int, int] = {}
        self._series: dict[tuple[str, str, int | None, str], int] = {}
        self._columns: dict[int, tuple[array[int], array[int], array[float], array[int]]] = {}

    def now(self) -> int:
        self.tick += 1
        return self.tick

    def add(self, *records: e.Event) -> None:
        self._records += records

    def place(self, line: int, function: str = "<module>") -> int:
        if line not in self._places:
            self._places[line] = len(self._places)
            self.add(e.Place(self._places[line], FILE, line, function))
        return self._places[line]

    def value(
        self,
        value: float,
        size: int = 8,
        kind: str = "optimised",
        name: str = "loss",
        line: int = 1,
        reduction: str = "",
    ) -> int:
        """One value of a series; the number of the series."""
        key = (kind, name, line, reduction)
        if key not in self._series:
            self._series[key] = len(self._series)
            self._columns[self._series[key]] = (array("q"), array("q"), array("d"), array("q"))
            self.add(e.Series(self._series[key], kind, name, self.place(line), reduction))
        number = self._series[key]
        ticks, steps, values, sizes = self._columns[number]
        ticks.append(self.now())
        steps.append(self.step)
        values.append(value)
        sizes.append(size)
        return number

    def train(self, values: Iterable[float], sizes: Sequence[int] | None = None, line: int = 1) -> None:
        """A step for each value: the loss, then an optimizer step."""
        for index, value in enumerate(values):
            self.value(value, sizes[index] if sizes is not None else 8, line=line)
            self.step += 1

    def epoch(self, values: Sequence[float], loader: int = 0) -> None:
        """A pass over a loader with a training step for each value."""
        self.add(e.EpochStarted(self.now(), self.step, loader, None))
        self.train(values)
        self.add(e.EpochEnded(self.now(), self.step, loader, len(values), 8 * len(values), True))

    def prints(self, text: str, line: int = 1) -> None:
        self.add(e.Printed(self.now(), self.step, self.place(line), "stdout", text))

    def criterion(
        self,
        name: str,
        value: float,
        target: e.TensorFacts | None,
        classes: int = -1,
        line: int = 1,
        input: e.TensorFacts | None = None,
    ) -> None:
        """A measured call of a criterion whose value is then optimised as it is."""
        series = self.value(value, kind="criterion", name=name, line=line, reduction="mean")
        self.add(
            e.CriterionCall(
                self.tick, self.step, series, name, self.place(line), True, "mean", input, target, value, [], {},
                classes=classes,
            )
        )  # fmt: skip

    def rows(self, inputs: NDArray[Any], target: NDArray[Any], gradient: bool = True) -> None:
        """Kept rows of one step: what the model was given and what the criterion compared with."""
        tick = self.now()
        self.add(_sample(tick, self.step, "input", "input 0", inputs, gradient))
        tick = self.now()
        self.add(_sample(tick, self.step, "target", "target", target, gradient))

    def updated(self, moved: bool, optimizer: int = 0) -> None:
        facts = e.ParameterFacts(0, 1.0, 1.0, 0.01 if moved else 0.0, moved, True)
        self.add(e.Update(self.now(), self.step, optimizer, [facts]))

    def records(self) -> list[e.Event]:
        points = [e.Points(n, *(c.tobytes() for c in columns)) for n, columns in self._columns.items()]
        return [*self._records, *points]

    def recording(self) -> Recording:
        return Recording(self.records())

    def store(self) -> bytes:
        """The same as the bytes of a store."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.sqlite"
            writer = Writer(str(path))
            writer.write(self.records())
            writer.close()
            return path.read_bytes()

    def line_with(self, text: str) -> Line:
        """The one line of the source that holds ``text``."""
        found = [n for n, row in enumerate(self.source.splitlines(), 1) if text in row]
        assert len(found) == 1, f"{text!r} is on {len(found)} lines"
        return Line(FILE, found[0], self.source.splitlines()[found[0] - 1].strip())


def labels(**counts: int) -> e.TensorFacts:
    """Facts of integer labels: ``labels(_0=5, _1=3)``."""
    named = {key.lstrip("_"): n for key, n in counts.items()}
    total = sum(named.values())
    return e.TensorFacts([total], "int64", counts=named, minimum=0.0, maximum=float(len(named) - 1))


def numbers(mean: float, deviation: float) -> e.TensorFacts:
    """Facts of real-valued targets."""
    return e.TensorFacts([8, 1], "float32", mean=mean, deviation=deviation)


def _sample(tick: int, step: int, role: str, name: str, values: NDArray[Any], gradient: bool) -> e.Sample:
    kind = np.float32 if values.dtype.kind == "f" else np.int64
    stored = np.ascontiguousarray(values.astype(kind))
    return e.Sample(tick, step, role, name, stored.dtype.name, list(stored.shape), stored.tobytes(), gradient)
