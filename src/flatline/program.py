"""The part of flatline inside the user's program: connects the probes to the store.

It is started by ``startup/sitecustomize.py`` before the program. Only what the recorder needs is imported, and torch
is left to the program: it may want to set variables before that import.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
import types
from collections.abc import Callable, MutableSequence
from typing import TYPE_CHECKING, Any

from flatline import processes
from flatline.observe import heartbeat
from flatline.observe.budget import BUDGET
from flatline.observe.events import RunEnded, RunStarted
from flatline.observe.imports import AfterImport
from flatline.observe.patching import Patches, hide_from_tracebacks, unseen
from flatline.observe.probes.printed import PrintedProbe
from flatline.observe.session import Session
from flatline.record.store import Writer, machine
from flatline.status import StatusLine

if TYPE_CHECKING:
    from flatline.environment import Program
    from flatline.preflight import Preflight


# The modules that hold ``Model.fit`` where Keras does not train with torch.
KERAS_TRAINERS = ("keras.src.backend.jax.trainer", "keras.src.backend.tensorflow.trainer")


class Recorder:
    """Connects the probes to the store, for one program."""

    def __init__(
        self,
        store: str,
        show_status: bool,
        argv: list[str],
        home: str,
        changes: str = "",
        limit: int | None = None,
        rank: int | None = None,
        preflight: Preflight | None = None,
        beat: MutableSequence[float] | None = None,
        budget: float = BUDGET,
        began: float | None = None,
        starter: Program | None = None,
    ) -> None:
        began = time.perf_counter() if began is None else began
        self._process = os.getpid()
        self._changes = changes
        self._failed = False
        # What a rank of this program is recorded with.
        self._settings: dict[str, Any] = {
            "store": store,
            "argv": argv,
            "home": home,
            "changes": changes,
            "limit": limit,
            "check": preflight.settings if preflight is not None else None,
            "budget": budget,
        }
        self.writer = Writer(store)
        self.status = StatusLine(sys.stderr) if show_status else None
        if self.status is not None and not self.status.possible:
            self.status = None
        update = self.status.update if self.status is not None else None
        self.session = Session(self.writer.write, home, update, budget=budget, heartbeat=beat)
        self.patches = Patches()
        self.session.limit, self.session.leave = limit, self._leave
        self.probes: Any = None
        self.interventions: Any = None
        self.printed = PrintedProbe(self.session, self.status)
        self.printed.install(self.patches)
        versions = {"python": sys.version.split()[0]}
        if rank is None:
            given = os.environ.get("RANK", "")
            rank = int(given) if given.isdecimal() else 0
        self._started = RunStarted(
            argv, os.getcwd(), versions, time.time(), rank, process=self._process, host=machine()
        )
        self._started.check = preflight is not None
        world = os.environ.get("WORLD_SIZE", "")
        self._started.world = int(world) if "RANK" in os.environ and world.isdecimal() else 0
        self._preflight = preflight
        before = sys.orig_argv[: len(sys.orig_argv) - len(argv)]
        self._started.module = before[-1:] == ["-m"]
        self._started.python = before[:-1] if self._started.module else before
        self._own = self._started.python, self._started.module, argv
        if starter is not None:
            # What would start this rank again, with all others: to that the run belongs.
            self._started.python, self._started.module, self._started.argv = (
                starter.python,
                starter.module,
                starter.argv,
            )
            self._started.world = 0
        self.session.emit(self._started)
        if beat is not None:
            heartbeat.heed(beat, self.session.guards)
        self.session.guarded("store", self.session.flush)(force=True)
        # An open SQLite connection must not be carried into another process: closing it there would disturb ours.
        spared = self.session.spared
        os.register_at_fork(
            before=spared("store", self.writer.pause, None),
            after_in_parent=spared("store", self.writer.resume, None),
            after_in_child=spared("store", self._forked, None),
        )
        # os._exit skips everything that would write what is still held.
        self.patches.replace(os, "_exit", self._exiting)
        hide_from_tracebacks(self.patches)
        self._imports = AfterImport(
            {"torch": self.torch_imported, **dict.fromkeys(KERAS_TRAINERS, self._keras_imported)}
        )
        # Registered before any function of the program's, so called after all of them.
        atexit.register(self.ended)
        if "torch" in sys.modules:
            self.torch_imported()
        else:
            self._imports.start()
        self.session.budget.since(began)

    def _forked(self) -> None:
        self.session.abandon()
        self.writer.resume()
        if self.status is not None:
            self.status.abandon()

    def _exiting(self, original: Any) -> Any:
        last_words = self.session.spared("end", self._write_rest, None)

        def _exit(*args: Any, **kwargs: Any) -> Any:
            last_words(None)
            return original(*args, **kwargs)

        return unseen(_exit, original)

    def _keras_imported(self) -> None:
        def install() -> None:
            from flatline.observe.probes.keras_fit import KerasFit

            self._imports.stop()
            KerasFit(self.session, self._started).install(self.patches)

        self.session.guarded("install", install)()

    def torch_imported(self) -> None:
        # Keras trains with torch, or without it; a program that says which is believed.
        if os.environ.get("KERAS_BACKEND", "torch") == "torch":
            self._imports.stop()

        def install() -> None:
            import torch

            from flatline.observe.install import Probes

            self.printed.watch_logging(self.patches)
            self.probes = Probes(self.session, self._stop if self._preflight is not None else None)
            if self._changes:
                # A trial: only there is this part loaded.
                from flatline.changes import decode
                from flatline.interventions import Interventions

                self.interventions = Interventions(decode(self._changes), self.session)
                self.interventions.before_probes()
            self.probes.install()
            if self.interventions is not None:
                self.interventions.after_probes()
            self._started.versions["torch"] = str(torch.__version__)
            self._started.seed = torch.initial_seed()
            self.session.emit(self._started)
            processes.follow(self.patches, self._joined, self._settings)
            # Only now: before the program as little as possible is imported.
            from flatline.environment import Program
            from flatline.launching import follow_starter, is_starter

            program = Program(*self._own)
            if is_starter(program):
                follow_starter(self.patches, program, self._settings)

        self.session.guarded("install", install)()

    def _stop(self, captured: Any, stopped: Any) -> None:
        """Ends the program before its first update, after the checks; none of its code runs any more."""
        assert self._preflight is not None
        if os.getpid() == self._process:
            self.session.guarded("checks", self._preflight.look)(self.session, captured)
            self._write_rest(None)
        self._preflight.end()

    def _joined(self, rank: int) -> None:
        """In a forked process that trains with others: what was carried over from the parent gives way."""
        for remove in self._removals():
            remove()
        start_rank(self._settings, rank)

    def _removals(self) -> list[Callable[[], None]]:
        """What takes our parts away, the outermost first."""
        made, probes = self.interventions, self.probes
        above = [made.remove_above] if made is not None else []
        below = [made.remove_below] if made is not None else []
        return [*above, self.patches.remove, *([probes.uninstall] if probes is not None else []), *below]

    def ended(self) -> None:
        """Writes the rest, with how the program ended, and takes everything of ours away."""
        if os.getpid() != self._process:
            return
        # Python has set this when it showed an error that nothing caught.
        self.session.spared("end", self._write_rest, None)(getattr(sys, "last_value", None))
        for remove in self._removals():
            # Where that fails, the run is over and its record is written; a patch left in place changes nothing.
            self.session.guarded("uninstall", remove)()
        # What runs from here on (``__del__`` methods) meets half-dismantled modules: nothing of ours may be called.
        self.session.active = False

    def _write_rest(self, error: BaseException | None) -> None:
        guarded = self.session.guarded
        # Each on its own: what one cannot say must not keep the others from being written.
        guarded("printed", self.printed.finish)()
        guarded("end", self._tell_the_end)(error)
        if self.status is not None:
            self.session.spared("status", self.status.clear, None)()
        guarded("end", self.session.flush)(force=True)

    def _leave(self) -> None:
        """Ends a trial that has taken its steps. At once: what follows could swallow an exception, or take hours."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                # Whatever the program has put there.
                continue
        os._exit(0)

    def failed(self, error: BaseException) -> None:
        """The exception that ends this rank, on its way to what started it."""
        self.session.guarded("end", self._tell_the_end)(error)

    def _tell_the_end(self, error: BaseException | None) -> None:
        session = self.session
        if self._failed:
            return
        self._failed = error is not None
        place = None
        trace: types.TracebackType | None = error.__traceback__ if error is not None else None
        while trace is not None:
            code = trace.tb_frame.f_code
            if session.locator.frame(trace.tb_frame) is trace.tb_frame:
                place = session.locator.place(code.co_filename, trace.tb_lineno, code.co_name)
            trace = trace.tb_next
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "initial_seed"):
            self._started.seed = torch.initial_seed()
            session.emit(self._started)
        name = type(error).__name__ if error is not None else None
        try:
            message = str(error)[:2000] if error is not None else None
        except Exception:
            # ``__str__`` of the program's own error class.
            message = None
        session.emit(RunEnded(session.now(), session.step, name, message, place))


def start(settings: dict[str, str], began: float) -> Recorder:
    """Starts recording, with the settings that the launcher passed in the environment.

    ``began`` is when our part of the start began, by ``time.perf_counter``.
    """
    count = int(settings["FLATLINE_RUN_ARGUMENTS"])
    steps = settings.get("FLATLINE_RUN_STEPS")
    return Recorder(
        settings["FLATLINE_RUN_STORE"],
        settings.get("FLATLINE_RUN_STATUS") == "1",
        sys.orig_argv[-count:],
        settings["FLATLINE_RUN_HOME"],
        settings.get("FLATLINE_RUN_CHANGES", ""),
        int(steps) if steps else None,
        preflight=_preflight(settings.get("FLATLINE_RUN_CHECK")),
        budget=float(settings.get("FLATLINE_RUN_BUDGET", BUDGET)),
        began=began,
        beat=_beat(settings),
        starter=_starter(settings.get("FLATLINE_RUN_STARTER")),
    )


def _starter(text: str | None) -> Program | None:
    if not text:
        return None
    import msgspec

    from flatline.environment import Program

    return msgspec.json.decode(text, type=Program)


def _beat(settings: dict[str, str]) -> MutableSequence[float] | None:
    """What the launcher shares with us; None where it does not, and for checks, which may take minutes."""
    try:
        beat = heartbeat.shared(int(settings["FLATLINE_RUN_HEARTBEAT"]))
    except (KeyError, ValueError, OSError):
        return None
    return beat if "FLATLINE_RUN_CHECK" not in settings else None


def start_rank(settings: dict[str, Any], rank: int) -> Recorder:
    """Starts recording in a process that the program has forked or spawned, once its rank is known."""
    recorder = Recorder(
        processes.rank_store(settings["store"], rank),
        False,
        settings["argv"],
        settings["home"],
        settings["changes"],
        settings["limit"],
        rank,
        _preflight(settings["check"]),
        budget=settings["budget"],
    )
    processes.failed = recorder.failed
    return recorder


def _preflight(settings: str | None) -> Preflight | None:
    if settings is None:
        return None
    from flatline.preflight import Preflight

    return Preflight(settings)
