"""Starts the program in a process of its own, waits for it, and ends as it ended.

The diagnosis is made here, outside the program: it happens even when the program is killed.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from flatline.changes import Change
from flatline.environment import Program, watched_environment
from flatline.watchdog import Watchdog

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_TO_THE_GROUP = ("SIGINT", "SIGQUIT")


def new_store(folder: str | None) -> Path:
    """A fresh file for one run: ``.flatline/<time>-<process>.sqlite`` below ``folder`` or the working folder.

    A working folder that cannot be written to is replaced by the system's temporary one, with a message.
    """
    rank = own_rank()
    started, process = _started_together() if rank is not None else (time.time(), os.getpid())
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(started))}-{process}"
    # A torchrun that starts its ranks again is still the same process.
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if rank is not None else "0"
    name += f"r{again}" if again.isdecimal() and again != "0" else ""
    name += f"-rank{rank}.sqlite" if rank is not None else ".sqlite"
    wanted = Path(folder) if folder else Path(".flatline")
    for first in (True, False):
        try:
            parent = wanted if first else Path(tempfile.gettempdir()) / "flatline"
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=parent) as probe:
                probe.write(b"0")
        except OSError as error:
            reason = error.strerror or str(error)
            if first:
                click.echo(f"flatline: cannot write to {wanted} ({reason}); using the temporary folder", err=True)
            continue
        ignore = parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return parent / name if rank is not None else _reserved(parent / name)
    raise click.ClickException("no folder can be written to for the record of this run; name one with --runs FOLDER")


def _reserved(path: Path) -> Path:
    """The path, or one like it, taken with an empty file: processes of several machines may have one number, and start
    in one second; and a clock that was set back makes names anew."""
    for number in range(1, 1000):
        found = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            found.open("xb").close()
        except FileExistsError:
            continue
        return found
    raise click.ClickException(f"there are a thousand records like {path}; name another folder with --runs FOLDER")


def own_rank() -> int | None:
    """The rank that a starter of many processes (torchrun) gave to this one; None when there is no such."""
    rank, world = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return int(rank) if rank.isdecimal() and world.isdecimal() else None


def _started_together() -> tuple[float, int]:
    """What the ranks that one torchrun started on this machine have in common: its process, and when that began."""
    parent = os.getppid()
    try:
        return os.stat(f"/proc/{parent}").st_ctime, parent
    except OSError:
        return time.time() // 86400 * 86400, parent


def write_exit(store: Path, status: int) -> None:
    """Adds to a store how its program ended: what was killed could not say so itself."""
    from flatline.observe.events import Exited
    from flatline.record.store import StoreError, Writer

    if not store.is_file():
        return
    try:
        writer = Writer(str(store))
        writer.write([Exited(status, time.time())])
        writer.close()
    except (StoreError, OSError, sqlite3.Error) as error:
        click.echo(f"flatline: how the program ended is not on record: {error}", err=True)


def wait_for_ranks(store: Path) -> None:
    """Waits until the other ranks on this machine have ended as well, so that one verdict can be drawn from all.

    Ranks that take longer than 20 seconds more than this one are diagnosed from what they have written by then.
    """
    from flatline.record.reader import rank_stores, started
    from flatline.record.state import state_of
    from flatline.record.store import StoreError

    world = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ["WORLD_SIZE"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        stores = rank_stores(store)
        try:
            running = [p for p in stores if state_of(started(p), None) == "running"]
        except StoreError:
            running = []
        if len(stores) >= world and not running:
            return
        time.sleep(0.2)


def launch(
    kind: str,
    target: str,
    arguments: tuple[str, ...],
    store: Path,
    show_status: bool,
    settings: dict[str, str] | None = None,
    changes: Sequence[Change] = (),
    steps: int | None = None,
) -> int:
    """Runs the program to its end, or for ``steps`` optimizer steps, with ``changes`` made to it.

    Returns its status as ``subprocess`` gives it: negative for a signal. ``settings`` are further ones for the
    recorder, by their names without ``FLATLINE_RUN_``.
    """
    program = Program([sys.executable, *interpreter_flags()], kind == "module", [target, *arguments])
    command = program.command
    watchdog = Watchdog()
    ours = {**watchdog.settings, **(settings or {})}
    environment = watched_environment(program, store, os.getcwd(), os.environ, show_status, changes, steps, ours)
    previous: dict[int, Any] = {}
    waiting: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: FrameType | None) -> None:
        if process is None:
            waiting.append(number)
        elif process.poll() is None:
            process.send_signal(number)

    def leave_to_program(_number: int, _frame: FrameType | None) -> None:
        """The terminal sends Ctrl-C to the program as well: it decides what to do with it, and we only wait."""

    # Python's handlers, not SIG_IGN, which the program would inherit. They come before the program, so that no signal
    # falls between; what flatline itself was told to ignore (nohup) stays ignored, for the program too.
    for names, handler in ((_FORWARDED, forward), (_TO_THE_GROUP, leave_to_program)):
        for name in names:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
    try:
        # Descriptors that the shell opened for the program are passed on.
        process = subprocess.Popen(command, env=environment, close_fds=False, preexec_fn=_die_with_parent())
        for number in waiting:
            forward(number, None)
        with watchdog.over(process):
            return process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if watchdog.store_given_up:
            _tell_of_store(store)


def _tell_of_store(store: Path) -> None:
    """The program could not write to the end; its record says so, if at least we can write to it now."""
    from flatline.observe.events import ProbeFailed
    from flatline.record.store import StoreError, Writer

    message = "a write to the record was given up because it took too long; what came after is missing"
    try:
        writer = Writer(str(store))
        writer.write([ProbeFailed("store", message)])
        writer.close()
    except (StoreError, OSError) as error:
        click.echo(f"flatline: {message} ({error})", err=True)


def interpreter_flags() -> list[str]:
    """The options that this Python was started with, for the program's."""
    if sys.flags.ignore_environment or sys.flags.no_site:
        click.echo("flatline: Python runs with -E, -I or -S: this run cannot be recorded", err=True)
    given = sys.orig_argv
    if given[len(given) - len(sys.argv) + 1 :] != sys.argv[1:]:
        # Started from within another program: what is left of the options is in the flags.
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        return flags
    options = given[1 : len(given) - len(sys.argv) + 1]
    last = options.pop() if options else ""
    # What is last is a script, or a module after an option that ends in m (-m, -um), or both in one (-mflatline).
    if options and options[-1][:1] == "-" and options[-1][-1:] == "m" and not last.startswith("-"):
        before = options.pop()[:-1]
        options += [before] if before != "-" else []
    return options


def end_like(status: int) -> int:
    """Ends this process as the program ended: dies of the same signal, or returns its exit status."""
    if status < 0:
        number = -status
        sys.stdout.flush()
        sys.stderr.flush()
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        try:
            import resource

            # One core file, the program's own, is enough.
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        except (ImportError, ValueError, OSError):
            pass
        os.kill(os.getpid(), number)
        return 128 + number
    return status


def _die_with_parent() -> Callable[[], None] | None:
    """For the child: asks Linux to end the program when flatline itself is killed."""
    if sys.platform != "linux":
        return None
    import ctypes

    # Loaded here: between fork and exec as little as possible should happen.
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGTERM) and None
