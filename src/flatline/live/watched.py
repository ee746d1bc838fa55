"""One run that is being looked at: its record read so far, row by row, as curves and facts."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from flatline.live.answers import Progress, RunItem, Series
from flatline.live.glance import explain, run_item
from flatline.live.intake import Intake
from flatline.live.stores import Store
from flatline.record.rows import decode, last_row, rows_after
from flatline.record.store import NotBegunError, StoreError

MOST_WATCHED = 32
# A record as long as this is read in several turns, so that a page shows something at once.
TURN_SECONDS = 0.4
# However many look on, a store is not read more often.
PAUSE_SECONDS = 0.2
WAIT_SECONDS = 1.0
# A damaged row stays damaged; a file that is being copied in does not.
RETRY_SECONDS = 5.0


class BusyError(Exception):
    """A record is being read, and that takes long."""


class WatchedRun:
    """What has been read of one store. All viewers share it, and each says with a cursor what it has already."""

    def __init__(self, store: Store) -> None:
        self.inode = store.inode
        self.row = 0
        self.last = 0
        self.problem: str | None = None
        self.intake = Intake()
        self._reading = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._next = 0.0
        self._answers: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time; the others do not wait for ever, as for a disk that does not answer."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise BusyError
        try:
            yield
        finally:
            self._lock.release()

    def refresh(self, store: Store) -> None:
        """Reads the rows that came since, for a moment at most. Called on a thread of its own.

        Raises:
            BusyError: another thread has not come to an end with it in time.
        """
        with self._alone():
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + PAUSE_SECONDS
            try:
                self._read(store, now + TURN_SECONDS)
                self.problem = None
            except (StoreError, msgspec.MsgspecError, ValueError, TypeError) as error:
                self.problem = explain(store, error)
                self._next = now + (PAUSE_SECONDS if isinstance(error, NotBegunError) else RETRY_SECONDS)
            if not self.complete:
                self._next = 0.0

    def _read(self, store: Store, until: float) -> None:
        self.last = last_row(store.path)
        while self.row < self.last:
            for number, blob in rows_after(store.path, self.row):
                for event in decode(blob):
                    self.intake.take(event, number)
                self.row = number
            if time.monotonic() > until:
                return

    @property
    def complete(self) -> bool:
        return self.row >= self.last or self.problem is not None

    def replaced(self, store: Store) -> bool:
        """Whether another file, or a shorter record, has taken the name since."""
        return store.inode != self.inode or self.last < self.row

    def item(self, store: Store) -> RunItem:
        intake = self.intake
        return run_item(store, intake.started, intake.ended, intake.steps, intake.loss, self.problem)

    def progress(self, store: Store, cursor: str, server: str, verdict_version: int) -> bytes:
        """The answer for a viewer that has everything up to ``cursor``, as JSON. Viewers with one cursor share it."""
        with self._alone():
            item = self.item(store)
            key = (cursor, self.row, self.last, item.state, item.problem, verdict_version)
            answer = self._answers.get(key)
            if answer is None:
                answer = self._answers[key] = msgspec.json.encode(self._progress(item, cursor, server, verdict_version))
                while len(self._answers) > 8:
                    self._answers.popitem(last=False)
            return answer

    def _progress(self, item: RunItem, cursor: str, server: str, verdict_version: int) -> Progress:
        reading, _, row = cursor.partition(".")
        known = reading == self._reading
        since = min(int(row), self.row) if known else 0
        intake = self.intake
        series = []
        for number, shown in intake.series.items():
            part = shown.curve.since(since)
            if part.steps or since == 0:
                series.append(
                    Series(number, shown.kind, shown.name, intake.where(shown.place), shown.curve.points, part)
                )
        return Progress(
            run=item,
            server=server,
            cursor=f"{self._reading}.{self.row}",
            reset=since == 0,
            complete=self.complete,
            share=round(self.row / self.last, 3) if self.last else 1.0,
            series=series,
            epochs=intake.epochs,
            epoch_count=intake.epoch_count,
            left_out=intake.left_out,
            verdict_version=verdict_version,
            facts=intake.facts(),
        )


class WatchedRuns:
    """The runs that are looked at, the longest unseen ones forgotten first: memory does not grow with the runs."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, WatchedRun] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, store: Store) -> WatchedRun:
        with self._lock:
            found = self._kept.get(store.id)
            if found is None or found.replaced(store):
                found = self._kept[store.id] = WatchedRun(store)
            self._kept.move_to_end(store.id)
            while len(self._kept) > MOST_WATCHED:
                self._kept.popitem(last=False)
            return found

    def peek(self, store: Store) -> WatchedRun | None:
        found = self._kept.get(store.id)
        return found if found is not None and not found.replaced(store) and found.row else None
