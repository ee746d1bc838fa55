"""Starts the real `flatline live` over a folder of records, for the tests of the live page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx

from flatline.observe import events as e
from flatline.record.store import Writer, machine
from recordings import Tape
from runs import environment, heed_signals

T = TypeVar("T")


class Served:
    """A server over ``folder``; it may be stopped and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self._state = folder.with_name(folder.name + "-state")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "flatline", "live", "--runs", str(self.folder), *self._options]
        self.process = subprocess.Popen(
            command,
            env=environment(XDG_STATE_HOME=str(self._state)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=heed_signals,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line, self.process.stderr.read().decode() if self.process.stderr else ""
        self.address = line.split()[-1]
        self.origin, _, self.token = self.address.partition("/?token=")
        self.port = int(self.origin.rsplit(":", 1)[1])

    def stop(self) -> str:
        """Ends it as Ctrl-C does; what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=90)
        return err.decode()

    def client(self, **headers: str) -> httpx.Client:
        """A client that holds the token."""
        return httpx.Client(
            verify=False, base_url=self.origin, headers={"Authorization": f"Bearer {self.token}", **headers}
        )

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        errors = self.stop()
        if error is None:
            assert "Traceback" not in errors, errors


def eventually(question: Callable[[], T], seconds: float = 20.0) -> T:
    """Asks until the answer is true, and returns it."""
    until = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < until, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)
    return answer


def started(argv: list[str], process: int | None = None, host: str | None = None) -> e.RunStarted:
    """The beginning of a run, by this process unless another one is named."""
    return e.RunStarted(
        argv,
        "/home/someone",
        {"python": "3.11"},
        time.time(),
        seed=1,
        process=os.getpid() if process is None else process,
        host=machine() if host is None else host,
    )


def keep(folder: Path, name: str, tape: Tape, *more: e.Event, ended: bool = True) -> Path:
    """A tape as a store in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sqlite"
    writer = Writer(str(path))
    end: list[e.Event] = [e.RunEnded(tape.now(), tape.step, None, None, None)] if ended else []
    writer.write([*tape.records(), *more, *end])
    writer.close()
    return path


def dead_process() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
