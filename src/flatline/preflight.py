"""The end of a program under ``flatline check``: the checks on its first step, and a stop before its first update."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from flatline.observe.session import Session


class Settings(msgspec.Struct):
    """What the command was told: whether to overfit one batch, and how long the checks may take, in seconds."""

    overfit: bool = False
    seconds: float = 30.0


class Preflight:
    """What is done when a program that is only checked comes to its first update."""

    def __init__(self, settings: str) -> None:
        self.settings = settings
        self._settings = msgspec.json.decode(settings, type=Settings)
        # The patched one would write the record once more.
        self._exit = os._exit

    def look(self, session: Session, captured: Any) -> None:
        """Runs the checks; the program's own output while its model runs again is left out."""
        from flatline.checks import run_all

        for checked in run_all(captured, self._settings.seconds, self._settings.overfit):
            session.emit(checked)

    def end(self) -> None:
        """Ends the process with status 0.

        Not by an exception: ``except`` and ``finally`` of the program would run, and may save the untrained model over
        a trained one. What Python would have done at its end and is the program's own is done here: buffers are
        written, workers of the program ended, temporary folders removed.
        """
        for file in open_files():
            with contextlib.suppress(Exception):
                file.flush()
        with contextlib.suppress(Exception):
            # What extensions wrote by printf.
            ctypes.CDLL(None).fflush(None)
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None:
            with contextlib.suppress(Exception):
                for child in multiprocessing.active_children():
                    child.terminate()
        weakref = sys.modules.get("weakref")
        if weakref is not None and "tempfile" in sys.modules:
            for finalizer in list(weakref.finalize._registry):
                with contextlib.suppress(Exception):
                    found = finalizer.peek()
                    if found is not None and getattr(found[1], "__module__", "") == "tempfile":
                        finalizer()
        self._exit(0)


def open_files() -> Iterator[Any]:
    """Files that the program holds open for writing; what it wrote to them may still be in their buffers."""
    for item in gc.get_objects():
        # Not isinstance, which asks the object itself for its class: some import things when asked.
        if issubclass(type(item), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)) and not item.closed:
            yield item
