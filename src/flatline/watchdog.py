"""Sees from the process that started the program whether a probe of ours hangs in it; see ``observe/heartbeat.py``."""

from __future__ import annotations

import mmap
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flatline.observe.heartbeat import BEGAN, GIVEN_UP, SIGNAL, SIZE

# The longest that a probe may take. The dearest ones take milliseconds; one on a GPU also waits for the kernels that the
# program has queued. Half a minute of harm, once: a probe that was ended is not called again.
PATIENCE_SECONDS = 30.0


class Watchdog:
    """Watches one program.

    Args:
        seconds: how long a probe may take; None for what the variable ``FLATLINE_PROBE_SECONDS`` says, or 30.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = _seconds(os.environ.get("FLATLINE_PROBE_SECONDS")) if seconds is None else seconds
        self.descriptor: int | None = None
        if SIGNAL is not None and hasattr(os, "memfd_create"):
            # Without MFD_CLOEXEC: the program is to have it.
            self.descriptor = os.memfd_create("flatline", 0)
            os.ftruncate(self.descriptor, SIZE)
            self._numbers = memoryview(mmap.mmap(self.descriptor, SIZE)).cast("d")

    @property
    def settings(self) -> dict[str, str]:
        """The settings for the recorder, by their names without ``FLATLINE_RUN_``."""
        return {} if self.descriptor is None else {"HEARTBEAT": str(self.descriptor)}

    @property
    def store_given_up(self) -> bool:
        """Whether the last writes of the program's record were given up."""
        return self.descriptor is not None and self._numbers[GIVEN_UP] > 0

    @contextmanager
    def over(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Watches the program while the block runs."""
        if self.descriptor is None:
            yield
            return
        os.close(self.descriptor)
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(process, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, process: subprocess.Popen[bytes], over: threading.Event) -> None:
        pause = min(1.0, self.seconds / 4)
        seen, waited = 0.0, 0.0
        while not over.wait(pause):
            began = self._numbers[BEGAN]
            # Counted in looks, not by the clock: while both processes are stopped (Ctrl-Z), none is taken.
            waited = waited + pause if began and began == seen else 0.0
            seen = began
            if waited >= self.seconds and SIGNAL is not None and _heeds(process.pid):
                process.send_signal(SIGNAL)


def _heeds(process: int) -> bool:
    """Whether the program runs and still has our handler; one that took all handlers away would die of the signal."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            told = dict(line.split(":", 1) for line in file if ":" in line)
        stopped = told["State"].strip()[:1] in "Tt"
        return SIGNAL is not None and not stopped and bool(int(told["SigCgt"], 16) >> (SIGNAL - 1) & 1)
    except (OSError, KeyError, ValueError):
        return False


def _seconds(given: str | None) -> float:
    try:
        return max(0.1, float(given)) if given else PATIENCE_SECONDS
    except ValueError:
        return PATIENCE_SECONDS
