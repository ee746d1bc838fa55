"""The line at the bottom of the terminal while a program runs; silent when stderr is not a terminal."""

from __future__ import annotations

import os
from typing import Any, Protocol


class Progress(Protocol):
    """What the line shows; the session of the probes is one."""

    step: int
    last_loss: float | None


class StatusLine:
    """Draws one dim line below the program's output, and wipes it before the program writes again.

    It is drawn only while the cursor stands at the start of a line: an unfinished line, such as a progress bar or
    a prompt, is the program's.
    """

    def __init__(self, stream: Any) -> None:
        self._descriptor = _terminal(stream)
        self._shown = False
        self._open_line = False

    @property
    def possible(self) -> bool:
        return self._descriptor is not None

    def update(self, session: Progress) -> None:
        if self._descriptor is None or self._open_line:
            return
        loss = "" if session.last_loss is None else f"   loss {session.last_loss:.6g}"
        text = f"flatline: step {session.step}{loss}"
        try:
            # A terminal that was never given a size says 0.
            width = (os.get_terminal_size(self._descriptor).columns or 80) - 1
        except OSError:
            width = 79
        if width < len("flatline: step 0"):
            return
        self._write(f"\r\x1b[2K\x1b[2m{text[:width]}\x1b[0m\r")
        self._shown = True

    def clear(self) -> None:
        """Wipes the line; called before the program writes and before it may ask something."""
        if self._shown:
            self._shown = False
            self._write("\x1b[2K")

    def written(self, stream: Any, text: Any) -> None:
        """Keeps count of where the program has left the cursor."""
        if isinstance(text, str) and text and _terminal(stream) is not None:
            self._open_line = not text.endswith("\n")

    def abandon(self) -> None:
        """In a forked process: the line is drawn and wiped by the parent."""
        self._descriptor = None
        self._shown = False

    def _write(self, text: str) -> None:
        # Straight to the descriptor: the stream's own write is the program's, and is watched.
        if self._descriptor is not None:
            try:
                os.write(self._descriptor, text.encode())
            except OSError:
                self._descriptor = None


def _terminal(stream: Any) -> int | None:
    """The stream's descriptor when it is a terminal."""
    try:
        return int(stream.fileno()) if stream.isatty() else None
    except (AttributeError, OSError, ValueError):
        return None
