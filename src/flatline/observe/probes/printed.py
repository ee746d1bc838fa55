"""The numbers the program shows a person: lines on stdout and stderr, and log records that go elsewhere.

The stream objects stay the program's own; only their ``write`` is replaced, on the instance.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flatline.observe.events import Printed
from flatline.observe.location import local_values
from flatline.observe.patching import Patches, unseen
from flatline.observe.session import Session

if TYPE_CHECKING:
    from flatline.status import StatusLine

MOST_LENGTH = 400
MOST_LINES = 20_000
_PLAIN = {"builtins", "numpy", "torch"}


class PrintedProbe:
    """Records each written line that holds a digit, with the user's line that wrote it."""

    def __init__(self, session: Session, status: StatusLine | None = None) -> None:
        self._session = session
        self._status = status
        self._partial: dict[str, tuple[str, int | None, list[str]]] = {}
        self._backwards_at: dict[int, int] = {}
        self._lines = 0
        self._writes = 0
        self._observe = session.guarded("printed", self._text)
        self._logged = session.guarded("printed", self._log_record)

    def install(self, patches: Patches) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name, None)
            if stream is not None and hasattr(stream, "__dict__"):
                patches.replace(stream, "write", partial(self._write, name, stream))
                if self._status is not None:
                    patches.replace(stream, "flush", self._flush)

    def watch_logging(self, patches: Patches) -> None:
        """Apart from the streams, so that a program that never logs is not made to import ``logging``."""
        import logging

        patches.replace(logging.Logger, "callHandlers", self._call_handlers)

    def _write(self, name: str, stream: Any, original: Callable[..., Any]) -> Callable[..., Any]:
        observe = self._observe
        clear, draw = self._status_hooks()
        frame = sys._getframe

        def write(*args: Any, **kwargs: Any) -> Any:
            if clear is not None:
                clear()
            written = original(*args, **kwargs)
            self._writes += 1
            if draw is not None:
                draw(stream, args[0] if args else None)
            observe(name, args[0] if args else None, frame().f_back)
            return written

        return unseen(write, original)

    def _status_hooks(self) -> tuple[Callable[..., None] | None, Callable[..., None] | None]:
        """What clears the line at the bottom of the terminal, and what is told of writes; None where there is no line."""
        if self._status is None:
            return None, None
        spared = self._session.spared
        return spared("status", self._status.clear, None), spared("status", self._status.written, None)

    def _flush(self, original: Callable[..., Any]) -> Callable[..., Any]:
        clear, _ = self._status_hooks()

        def flush(*args: Any, **kwargs: Any) -> Any:
            # ``input`` flushes before it writes its prompt, which does not pass through ``write``.
            if clear is not None:
                clear()
            return original(*args, **kwargs)

        return unseen(flush, original)

    def _call_handlers(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def callHandlers(logger: Any, record: Any) -> Any:
            writes = self._writes
            result = original(logger, record)
            # A handler that wrote to a stream was seen there already.
            if self._writes == writes:
                self._logged(record, sys._getframe().f_back)
            return result

        return unseen(callHandlers, original)

    def _log_record(self, record: Any, frame: Any) -> None:
        values = record.args.values() if isinstance(record.args, dict) else record.args or ()
        # Formatting the program's own objects would run the program's code once more.
        if record.levelno >= 20 and all(type(v).__module__ in _PLAIN for v in values):  # logging.INFO
            self._line("log", record.getMessage(), self._session.locator.here(frame), [])

    def _text(self, stream: str, text: Any, frame: Any) -> None:
        if not isinstance(text, str):
            return
        held, place, exhausted = self._partial.get(stream, ("", None, []))
        if not held and text.strip():
            user = self._session.locator.frame(frame)
            if user is not None:
                place = self._session.locator.number(user)
                exhausted = self._exhausted(place, user)
        text = held + text
        *lines, rest = text.replace("\r", "\n").split("\n")
        for line in lines:
            self._line(stream, line, place, exhausted)
        self._partial[stream] = (rest[-MOST_LENGTH:], place, exhausted)

    def _line(self, stream: str, line: str, place: int | None, exhausted: list[str]) -> None:
        if self._lines >= MOST_LINES or not any(c.isdigit() or c in "nNsS" for c in line):
            return
        # Without a digit: a NaN, or the head of a table with a column for the loss.
        if not any(c.isdigit() for c in line) and not any(word in line.lower() for word in ("nan", "inf", "loss")):
            return
        self._lines += 1
        session = self._session
        session.emit(Printed(session.now(), session.step, place, stream, line[:MOST_LENGTH], exhausted))

    def _exhausted(self, place: int, frame: Any) -> list[str]:
        """Names in the frame that hold a used-up iterator, looked for when nothing was trained since this line
        was last written."""
        backwards = self._session.backwards
        last = self._backwards_at.get(place)
        self._backwards_at[place] = backwards
        if last is None or last != backwards or backwards == 0:
            return []
        names: list[str] = []
        while frame is not None and len(names) < 8:
            for name, value in local_values(frame).items():
                if _used_up(value) and name not in names:
                    names.append(name)
            frame = frame.f_back
        return names

    def finish(self) -> None:
        for stream, (rest, place, exhausted) in self._partial.items():
            if rest.strip():
                self._line(stream, rest, place, exhausted)
        self._partial.clear()


def _used_up(value: Any) -> bool:
    if isinstance(value, types.GeneratorType):
        return value.gi_frame is None
    kind = type(value).__name__
    if kind.endswith("iterator") and type(value).__module__ == "builtins":
        hint = getattr(value, "__length_hint__", None)
        return hint is not None and hint() == 0
    return False
