"""Becomes the user's program: the process that ``flatline run`` starts runs this file, then the program.

Called as ``python program.py STORE STATUS KIND TARGET [ARGUMENT …]`` with STATUS ``status`` or ``quiet`` and KIND
``script`` or ``module``. Only what the recorder needs is imported, and torch is left to the program: it may want to
set variables before that import.
"""

from __future__ import annotations

import importlib.machinery
import io
import os
import runpy
import sys
import time
import types
from typing import Any

_BEFORE = set(sys.modules)
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _import_flatline() -> None:
    """Imports what the recorder needs while Python's own path is in force, then takes our folder off the path."""
    sys.path.pop(0)
    try:
        import flatline
    except ImportError:
        sys.path.insert(0, _ROOT)
        import flatline  # noqa: F401
        import flatline.observe.session
        import flatline.record.store

        sys.path.pop(0)


def _give_way(folder: str) -> None:
    """Forgets modules that we imported and that the program has files of the same name for, so that it gets its own."""
    try:
        names = {entry.split(".")[0] for entry in os.listdir(folder or ".")}
    except OSError:
        return
    for name in set(sys.modules) - _BEFORE:
        if name.split(".")[0] in names and name.split(".")[0] != "flatline":
            del sys.modules[name]


class _AfterTorch:
    """An import hook that calls back once, when ``import torch`` has finished."""

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torch" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                break
        else:
            return None
        loader, callback = spec.loader, self._callback
        if loader is None:
            return spec

        class Loader:
            def create_module(self, spec: Any) -> Any:
                return loader.create_module(spec)

            def exec_module(self, module: Any) -> None:
                module.__spec__.loader = module.__loader__ = loader
                loader.exec_module(module)
                callback()

        spec.loader = Loader()
        return spec


class Recorder:
    """Connects the probes to the store, for one program."""

    def __init__(self, store: str, show_status: bool, argv: list[str], home: str) -> None:
        from flatline.observe.events import RunStarted
        from flatline.observe.patching import Patches
        from flatline.observe.probes.printed import PrintedProbe
        from flatline.observe.session import Session
        from flatline.record.store import Writer
        from flatline.status import StatusLine

        self.writer = Writer(store)
        self.status = StatusLine(sys.stderr) if show_status else None
        self.session = Session(
            self.writer.write, home, self.status.update if self.status is not None else None
        )
        self.patches = Patches()
        self.probes: Any = None
        self.printed = PrintedProbe(self.session, self.status.clear if self.status is not None else None)
        self.printed.install(self.patches)
        versions = {"python": sys.version.split()[0]}
        started = RunStarted(argv, os.getcwd(), versions, time.time(), int(os.environ.get("RANK", "0")))
        self.session.emit(started)
        self._started = started
        self.session.flush(force=True)
        os.register_at_fork(after_in_child=self.session.abandon)
        # os._exit skips everything that would write what is still held.
        self.patches.replace(os, "_exit", self._exiting)
        if "torch" in sys.modules:
            self.torch_imported()
        else:
            sys.meta_path.insert(0, _AfterTorch(self.torch_imported))  # type: ignore[arg-type]

    def _exiting(self, original: Any) -> Any:
        def _exit(status: int) -> None:
            self.session.guarded("store", lambda: self.session.flush(force=True))()
            original(status)

        return _exit

    def torch_imported(self) -> None:
        def install() -> None:
            import torch

            from flatline.observe.events import RunStarted
            from flatline.observe.install import Probes

            self.probes = Probes(self.session)
            self.probes.install()
            started = self._started
            self.session.emit(
                RunStarted(
                    started.argv, started.directory, {**started.versions, "torch": str(torch.__version__)},
                    started.started, started.rank, torch.initial_seed(),
                )
            )

        self.session.guarded("install", install)()

    def ended(self, error: BaseException | None) -> None:
        """Writes the rest, with how the program ended."""
        self.session.guarded("printed", lambda: self._end(error))()
        if self.status is not None:
            self.status.clear()
        self.session.guarded("store", lambda: self.session.flush(force=True))()

    def _end(self, error: BaseException | None) -> None:
        from flatline.observe.events import RunEnded

        session = self.session
        self.printed.finish()
        place = None
        if error is not None and error.__traceback__ is not None:
            trace: types.TracebackType | None = error.__traceback__
            while trace is not None:
                code = trace.tb_frame.f_code
                if session.locator.frame(trace.tb_frame) is trace.tb_frame:
                    place = session.locator.place(code.co_filename, trace.tb_lineno, code.co_name)
                trace = trace.tb_next
        torch = sys.modules.get("torch")
        if torch is not None:
            seed = getattr(torch, "initial_seed", None)
            if seed is not None:
                self._started.seed = seed()
                self._started.versions["torch"] = str(torch.__version__)
                session.emit(self._started)
        name = type(error).__name__ if error is not None else None
        message = str(error)[:2000] if error is not None else None
        session.emit(RunEnded(session.now(), session.step, name, message, place))


def _without_our_frames(error: BaseException, seen: set[int] | None = None) -> None:
    """Takes flatline's frames out of the traceback of an error, and of the errors behind it."""
    from flatline.observe.location import FRAME_NAME

    seen = seen if seen is not None else set()
    if id(error) in seen:
        return
    seen.add(id(error))
    kept: list[types.TracebackType] = []
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and file != FRAME_NAME and not file.startswith(os.path.join(_ROOT, "flatline")):
            kept.append(trace)
        trace = trace.tb_next
    rebuilt: types.TracebackType | None = None
    for trace in reversed(kept):
        rebuilt = types.TracebackType(rebuilt, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
    error.__traceback__ = rebuilt
    for other in (error.__cause__, error.__context__):
        if other is not None:
            _without_our_frames(other, seen)


def _run_script(path: str) -> None:
    """Runs a file as ``python path`` does: same ``__main__``, ``__file__``, ``sys.path`` and ``sys.argv``."""
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        runpy.run_path(path, run_name="__main__")
        return
    # Since Python 3.9 the file of the main module is absolute.
    absolute = os.path.abspath(path)
    sys.path.insert(0, os.path.dirname(os.path.realpath(absolute)))
    main = types.ModuleType("__main__")
    main.__file__ = absolute
    main.__builtins__ = __builtins__  # type: ignore[attr-defined]
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", absolute)
    main.__dict__["__cached__"] = None
    main.__dict__.setdefault("__annotations__", {})
    sys.modules["__main__"] = main
    with io.open_code(absolute) as file:
        code = compile(file.read(), absolute, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def _run_module(name: str) -> None:
    """Runs a module as ``python -m name`` does."""
    sys.path.insert(0, os.getcwd())
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.argv[0] = "-m"
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def main() -> None:
    store, status, kind, target, *arguments = sys.argv[1:]
    _import_flatline()
    folder = os.getcwd() if kind == "module" else os.path.dirname(os.path.realpath(target))
    recorder: Recorder | None = None
    try:
        recorder = Recorder(store, status == "status", [target, *arguments], folder)
    except Exception as error:
        # The user's program must run whatever happens to our recording of it.
        print(f"flatline: this run is not recorded: {error}", file=sys.stderr)
    _give_way(folder)
    sys.argv[:] = [target, *arguments]
    failure: BaseException | None = None
    try:
        if kind == "module":
            _run_module(target)
        else:
            _run_script(target)
    except BaseException as error:
        failure = error
        if not isinstance(error, SystemExit):
            _without_our_frames(error)
            trace, shown = error.__traceback__, sys.excepthook

            def excepthook(type_: Any, value: Any, _: Any) -> None:
                shown(type_, value.with_traceback(trace), trace)

            sys.excepthook = excepthook
        raise
    finally:
        if recorder is not None:
            recorder.ended(failure)


if __name__ == "__main__":
    main()
