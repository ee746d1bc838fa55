"""Starts the program in a process of its own, waits for it, and ends as it ended.

The diagnosis is made here, outside the program: it happens even when the program is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

import click

PROGRAM = Path(__file__).with_name("program.py")
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def new_store(folder: str | None) -> Path:
    """A fresh file for one run: ``.flatline/<time>-<process>.sqlite`` below ``folder`` or the working folder.

    A working folder that cannot be written to is replaced by the system's temporary one, with a message.
    """
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    rank = os.environ.get("RANK")
    name += f"-rank{rank}.sqlite" if rank else ".sqlite"
    wanted = Path(folder) if folder else Path(".flatline")
    for parent in (wanted, Path(tempfile.gettempdir()) / "flatline"):
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError as error:
            click.echo(f"flatline: cannot write to {parent} ({error.strerror}); using the temporary folder", err=True)
            continue
        ignore = parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return parent / name
    raise click.ClickException("no folder can be written to for the record of this run; name one with --runs FOLDER")


def launch(kind: str, target: str, arguments: tuple[str, ...], store: Path, show_status: bool) -> int:
    """Runs the program to its end. Returns its status as ``subprocess`` gives it: negative for a signal."""
    command = [
        sys.executable,
        *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
        str(PROGRAM),
        str(store.absolute()),
        "status" if show_status else "quiet",
        kind,
        target,
        *arguments,
    ]
    process = subprocess.Popen(command, close_fds=False, preexec_fn=_die_with_parent)
    # Ctrl-C reaches the whole process group: the program decides what it does with it, and we only wait.
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}

    def forward(number: int, _frame: FrameType | None) -> None:
        if process.poll() is None:
            process.send_signal(number)

    for name in _FORWARDED:
        number = getattr(signal, name, None)
        if number is not None:
            previous[number] = signal.signal(number, forward)
    try:
        return process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


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


def _die_with_parent() -> None:
    """In the child: asks Linux to end the program when flatline itself is killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
