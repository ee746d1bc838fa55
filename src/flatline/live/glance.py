"""What the list shows of a run, from the first and the last rows of its store."""

from __future__ import annotations

import math
import shlex
from collections import OrderedDict

import msgspec
import numpy as np

from flatline.live.answers import RunItem
from flatline.live.stores import Store
from flatline.observe import events as e
from flatline.record.quoting import error
from flatline.record.rows import decode, ends
from flatline.record.state import state_of
from flatline.record.store import StoreError
from flatline.report.visible import visible

MOST_KEPT = 1_000
MOST_NAME = 160


class Glances:
    """The items of a list, read again only when a store has changed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[int, int, int], Glance]] = OrderedDict()

    def item(self, store: Store) -> RunItem:
        mark = (store.inode, store.changed, store.size)
        kept = self._kept.get(store.id)
        if kept is None or kept[0] != mark:
            kept = self._kept[store.id] = (mark, Glance(store))
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept[1].item(store)


class Glance:
    """The ends of one store as they are now."""

    def __init__(self, store: Store) -> None:
        self.started: e.RunStarted | None = None
        self.ended: e.RunEnded | None = None
        self.problem: str | None = None
        self._steps = 0
        self._loss: float | None = None
        self._optimised: set[int] = set()
        try:
            first, last, _ = ends(store.path)
            for blob in [*first, *last]:
                for event in decode(blob):
                    self._take(event)
        except (StoreError, msgspec.MsgspecError, ValueError) as error:
            self.problem = explain(store, error)

    def _take(self, event: e.Event) -> None:
        if isinstance(event, e.RunStarted):
            self.started = event
        elif isinstance(event, e.RunEnded):
            self.ended = event
            self._steps = max(self._steps, event.step)
        elif isinstance(event, e.StepCount):
            self._steps = max(self._steps, event.step)
        elif isinstance(event, e.Series) and event.kind == "optimised":
            self._optimised.add(event.number)
        elif isinstance(event, e.Points) and event.series in self._optimised:
            steps, values = np.frombuffer(event.steps, np.int64), np.frombuffer(event.values, np.float64)
            if len(steps) and len(values):
                self._steps, self._loss = max(self._steps, int(steps[-1])), float(values[-1])

    def item(self, store: Store) -> RunItem:
        return run_item(store, self.started, self.ended, self._steps, self._loss, self.problem)


def run_item(
    store: Store,
    started: e.RunStarted | None,
    ended: e.RunEnded | None,
    steps: int,
    loss: float | None,
    problem: str | None,
) -> RunItem:
    """The item of a run, from what is known of it."""
    argv = started.argv if started is not None else []
    finite = loss is not None and math.isfinite(loss)
    return RunItem(
        id=store.id,
        program=visible(_name(argv)),
        directory=visible(started.directory) if started is not None else "",
        state=state_of(started, ended),
        started=started.started if started is not None and math.isfinite(started.started) else None,
        steps=steps,
        size=store.size,
        loss=loss if finite else None,
        non_finite=loss is not None and not finite,
        exception=visible(_exception(ended)),
        problem=problem,
    )


def explain(store: Store, error: Exception) -> str:
    """What keeps a record from being read, in words for a page."""
    if isinstance(error, StoreError) and error.__cause__ is None:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return f"The record {store.path.name} is damaged or is none of flatline's: {error.__cause__ or error}"


def _name(argv: list[str]) -> str:
    """The program's file with its arguments, short enough for a heading."""
    if not argv:
        return "(no program on record)"
    name = shlex.join([argv[0].replace("\\", "/").rstrip("/").rpartition("/")[2], *argv[1:]])
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}…"


def _exception(ended: e.RunEnded | None) -> str | None:
    if ended is None or ended.exception is None:
        return None
    return error(ended)
