"""Where in the user's own code something happened."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

from flatline.observe.events import Event, Place, Source

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# warnings.warn(stacklevel=n) does not count frames whose file name holds these two words (CPython, _warnings.c,
# is_internal_frame). Our wrappers carry this name, so that a warning still names the user's line.
FRAME_NAME = "<flatline: importlib _bootstrap frame>"
# ``flatline.prove(train)`` writes the script that calls the function into a temporary folder of this name.
CALLER_FOLDER = "flatline-prove-"
_LIBRARIES = tuple(
    {
        os.path.abspath(path) + os.sep
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (path := sysconfig.get_paths().get(name))
    }
)

_LOOKS_AT_LOCALS = {"locals", "vars", "dir", "eval", "exec", "f_locals"}


def local_values(frame: FrameType) -> dict[str, Any]:
    """What the names of a frame hold now, without leaving a trace in that frame.

    Until Python 3.12 ``f_locals`` of a function is a dictionary that stays with the frame: what the program deletes
    would live on in it. So it is emptied again; and where the program may hold that dictionary itself, not touched.
    """
    if frame.f_code.co_flags & 1 and sys.version_info < (3, 13):  # CO_OPTIMIZED: a function
        if _LOOKS_AT_LOCALS.intersection(frame.f_code.co_names):
            return {}
        snapshot = frame.f_locals
        values = dict(snapshot)
        snapshot.clear()
        return values
    return dict(frame.f_locals)


class Locator:
    """Finds the nearest frame of the user's code and gives each of its lines a number.

    A file is the user's unless it belongs to Python, to an installed package or to flatline. ``home`` is a folder
    that counts as the user's whatever it is in: the folder of the program, which may itself be an installed module.
    """

    def __init__(self, emit: Callable[[Event], None], home: str | None = None) -> None:
        self._emit = emit
        self._home = os.path.abspath(home) + os.sep if home else None
        # By file, not by code object: equal code at the same line of two files is equal to Python.
        self.users: dict[str, bool] = {}
        self._places: dict[tuple[str, int, str], int] = {}
        self._files: set[str] = set()

    def frame(self, start: FrameType | None = None) -> FrameType | None:
        """The nearest frame of the user's code, from the caller's outwards."""
        frame = start or sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            known = self.users.get(file)
            if known is None:
                known = self.users[file] = self._is_users(file)
            if known:
                return frame
            frame = frame.f_back  # type: ignore[assignment]
        return None

    def here(self, start: FrameType | None = None) -> int | None:
        """The number of the user's line that is being executed; announces the line when it is new."""
        frame = self.frame(start or sys._getframe(1))
        return None if frame is None else self.number(frame)

    def number(self, frame: FrameType) -> int:
        return self.place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)

    def place(self, file: str, line: int, function: str) -> int:
        key = (file, line, function)
        number = self._places.get(key)
        if number is None:
            number = self._places[key] = len(self._places)
            if file not in self._files:
                self._files.add(file)
                self._emit(Source(file, "".join(linecache.getlines(file))))
            self._emit(Place(number, file, line, function))
        return number

    def _is_users(self, file: str) -> bool:
        if file.startswith("<"):
            # A notebook's cell or an exec'd string is the user's when its text is known.
            return file.startswith("<ipython-input") and bool(linecache.getlines(file))
        path = os.path.abspath(file)
        if path.startswith(PACKAGE) or os.path.basename(os.path.dirname(path)).startswith(CALLER_FOLDER):
            return False
        if self._home and path.startswith(self._home) and "site-packages" not in path[len(self._home) :]:
            return True
        return not (
            path.startswith(_LIBRARIES)
            or f"{os.sep}site-packages{os.sep}" in path
            or f"{os.sep}dist-packages{os.sep}" in path
        )
