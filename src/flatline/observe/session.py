"""The state that the probes of one process share: the clock, the schedule, and the way out for records."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, MutableSequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from flatline.observe.budget import BUDGET, Budget
from flatline.observe.events import Event, Points, ProbeFailed, Series
from flatline.observe.heartbeat import BEGAN, GIVEN_UP, Overdue, unshared
from flatline.observe.location import Locator
from flatline.observe.schedule import Schedule
from flatline.observe.series import Numbers

R = TypeVar("R")
# A program may be killed, or hang, at any time: what it did first is written at once, and then ever less often.
FIRST_FLUSH_SECONDS = 0.01
FLUSH_SECONDS = 0.25
FAILURES_UNTIL_OFF = 5
# What a broken store leaves to be held: the first records, which later ones refer to, and the last.
MOST_HELD = 20_000


class _Thread(threading.local):
    inside = False
    main = False


class Session:
    """What the probes of one process share.

    ``sink`` receives lists of records, about every quarter of a second, on the thread that trains: there is no
    thread of ours in the program. A fault in a probe or in the sink is caught, counted and recorded; a probe that
    fails five times is switched off.
    """

    def __init__(
        self,
        sink: Callable[[list[Event]], None],
        home: str | None = None,
        status: Callable[[Session], None] | None = None,
        schedule: Schedule | None = None,
        budget: float = BUDGET,
        heartbeat: MutableSequence[float] | None = None,
    ) -> None:
        self.tick = 0
        self.step = 0
        self.backwards = 0
        self.schedule = schedule or Schedule()
        self.sampled = True
        # Before that step there is nothing to begin or to end after a step.
        self.calm_until = 0
        self.active = True
        self.compiled = False
        self.checkpointing = False
        # Whether several threads train at once: then gradients and weights are not read, which other threads may free.
        self.crowded = False
        # The thread that called backward last.
        self.trainer: int | None = None
        self.last_loss: float | None = None
        # For a trial: after that many steps, ``leave`` is called, outside of every hook.
        self.limit: int | None = None
        self.leave: Callable[[], None] = lambda: None
        self.locator = Locator(self.emit, home)
        self.budget = Budget(budget)
        self.before_flush: list[Callable[[bool], None]] = []
        # Set once torch is there: whether the program now watches every operation itself, and a way past its rules.
        self.hands_off: Callable[[], int] = lambda: 0
        self.shield: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.heartbeat = unshared() if heartbeat is None else heartbeat
        # Kept: programs and their tests replace the functions of ``time``.
        self.clock = time.perf_counter
        # Whether a loss has only to be noted: no step is being measured, no hook runs (on any thread), no probe has failed too
        # often. One thing to be read, where each step of a run reads it.
        self.calm = False
        # Probes that have failed too often.
        self.off: set[str] = set()
        self._thread = _Thread()
        self._thread.main = threading.current_thread() is threading.main_thread()
        self._sink = sink
        self._status = status
        self._flushing = threading.Lock()
        self._events: list[Event] = []
        self._series: dict[tuple[str, str, int | None, str], Numbers] = {}
        self.flush_at = self.budget.started + FIRST_FLUSH_SECONDS
        self._pause = FIRST_FLUSH_SECONDS
        self._failures: dict[str, int] = {}
        self._cost = self.spared("budget", self.budget.cost, None)
        self._known = self.spared("series", self._newly_known, None)
        self.budget.calibrate(self.guarded("calibration", lambda: None))

    # records ---------------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        self._events.append(event)

    def now(self) -> int:
        """The next tick."""
        self.tick += 1
        return self.tick

    def numbers(self, kind: str, name: str, place: int | None, reduction: str = "") -> Numbers:
        """The series of that kind, name and place; announced when it is new."""
        key = (kind, name, place, reduction)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Numbers(len(self._series))
            self.emit(Series(found.number, kind, name, place, reduction))
        return found

    def flush(self, force: bool = False) -> None:
        """Hands the records to the sink: at most every quarter of a second, or at once.

        A store that is slow, or locked by another process, is waited for within the budget: then it is asked less often.
        """
        now = self.clock()
        if not self.active or not (force or now >= self.flush_at):
            return
        if not self._flushing.acquire(timeout=1.0 if force else 0.0):
            # Another thread is at it.
            return
        try:
            self._flush(force, now)
        finally:
            self._flushing.release()

    def _flush(self, force: bool, now: float) -> None:
        self._pause = min(self._pause * 1.5, FLUSH_SECONDS)
        self.flush_at = now + self._pause
        for prepare in self.before_flush:
            prepare(force)
        # Before what is held is taken over: a fault in here is recorded at once, and loses nothing else.
        known: list[Event | None] = [self._known(series, force) for series in list(self._series.values())]
        known.append(self._cost(now))
        events, self._events = self._events, []
        events += [event for event in known if event is not None]
        try:
            self._sink(events)
            self.heartbeat[GIVEN_UP] = 0.0
        except (Exception, Overdue) as error:
            # Nothing is thrown away while the store is briefly locked; a store that stays broken must not eat memory.
            held = events + self._events
            half = MOST_HELD // 2
            self._events = held if len(held) <= MOST_HELD else held[:half] + held[-half:]
            self._count_failure("store", error)
            if isinstance(error, Overdue):
                self.heartbeat[GIVEN_UP] += 1.0
        if self.budget.share > 0:
            self._pause = max(self._pause, (self.clock() - now) / self.budget.share)
            self.flush_at = now + self._pause
        if self._status is not None and not force:
            self._status(self)

    @staticmethod
    def _newly_known(series: Numbers, wait: bool) -> Points | None:
        count = series.settle(wait=wait)
        return series.take(count) if count else None

    def trains_here(self) -> None:
        """Notes that this thread, not ``trainer``, calls backward; of two that live at a time, neither is measured further."""
        if self.trainer is not None and self.trainer in sys._current_frames():
            self.crowded = True
            self.sampled = False
        self.trainer = threading.get_ident()

    # faults ----------------------------------------------------------------------------------------------------

    def failed(self, probe: str, error: BaseException) -> None:
        """Records a fault of a probe, so that the verdict can say what was not measured."""
        self._count_failure(probe, error)
        if isinstance(error, Overdue):
            # Not five times half a minute.
            self._failures[probe] = FAILURES_UNTIL_OFF
            self._switch_off(probe)

    def _count_failure(self, probe: str, error: BaseException) -> None:
        count = self._failures[probe] = self._failures.get(probe, 0) + 1
        if count == 1:
            self.emit(ProbeFailed(probe, f"{type(error).__name__}: {error}"[:500]))
        if count >= FAILURES_UNTIL_OFF:
            self._switch_off(probe)

    def _switch_off(self, probe: str) -> None:
        self.off.add(probe)
        self.calm = False

    def spared(self, probe: str, function: Callable[..., R], otherwise: R) -> Callable[..., R]:
        """``function``, with ``otherwise`` where it fails: for what is too short to be timed, or gives an answer."""

        thread = self._thread
        clock = self.clock
        heartbeat = self.heartbeat

        def call(*args: Any, **kwargs: Any) -> R:
            # Inside a hook, that one is timed already.
            outermost = thread.main and not thread.inside
            if outermost:
                heartbeat[BEGAN] = clock()
            try:
                return function(*args, **kwargs)
            except (Exception, Overdue) as error:
                heartbeat[BEGAN] = 0.0
                self.failed(probe, error)
                if thread.inside and thread.main:
                    # The hook around it goes on, and may hang as well.
                    heartbeat[BEGAN] = clock()
                return otherwise
            finally:
                if outermost:
                    heartbeat[BEGAN] = 0.0

        return call

    @property
    def guards(self) -> frozenset[object]:
        """The code of what ``guarded`` and ``spared`` give: an error raised in it, not below, would reach the program."""
        hooks = (self.guarded("none", print), self.spared("none", print, None))
        return frozenset(hook.__code__ for hook in hooks)

    def guarded(self, probe: str, function: Callable[..., Any]) -> Callable[..., None]:
        """``function`` as a hook that cannot hurt: never nested in itself, timed, and with its faults caught."""
        thread, off, budget = self._thread, self.off, self.budget
        clock, processor = self.clock, time.thread_time
        heartbeat = self.heartbeat

        def hook(*args: Any, **kwargs: Any) -> None:
            if not self.active or thread.inside or probe in off or self.hands_off():
                return
            thread.inside = True
            self.calm = False
            sampled = self.sampled
            worked = processor() if sampled else 0.0
            began = clock()
            try:
                if thread.main:
                    heartbeat[BEGAN] = began
                with self.shield():
                    function(*args, **kwargs)
            except (Exception, Overdue) as error:
                # First of all: an error raised from here on would reach the program.
                heartbeat[BEGAN] = 0.0
                self.failed(probe, error)
            finally:
                if thread.main:
                    heartbeat[BEGAN] = 0.0
                thread.inside = False
                self.calm = self.active and not (self.sampled or off)
                # No call: an error raised from here on would reach the program.
                budget.spent += clock() - began + budget.each
                if sampled:
                    budget.sampling += processor() - worked
                if self.limit is not None and self.step >= self.limit:
                    self.limit = None
                    self.leave()

        return hook

    @property
    def busy(self) -> bool:
        """True while a probe of ours runs on this thread."""
        return self._thread.inside

    def stop(self) -> None:
        self.flush(force=True)
        self.active = self.calm = False

    def abandon(self) -> None:
        """Switches off without writing: for a process that was forked from the watched one."""
        self.active = self.calm = False
        self.limit = None
        self._events.clear()
