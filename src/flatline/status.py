"""The line at the bottom of the terminal while a program runs; silent when standard error is not a terminal."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flatline.observe.session import Session


class StatusLine:
    """Draws one dim line below the program's output, and wipes it before the program writes again."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        try:
            self._descriptor = stream.fileno() if stream.isatty() else None
        except (AttributeError, OSError, ValueError):
            self._descriptor = None
        self._shown = False

    def update(self, session: Session) -> None:
        if self._descriptor is None:
            return
        loss = "" if session.last_loss is None else f"   loss {session.last_loss:.6g}"
        text = f"flatline: step {session.step}{loss}"
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[2K\x1b[2m{text[:width]}\x1b[0m\r")
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            self._write("\x1b[2K")

    def _write(self, text: str) -> None:
        # Straight to the descriptor: the stream's own write is the program's, and is watched.
        if self._descriptor is not None:
            try:
                os.write(self._descriptor, text.encode())
            except OSError:
                self._descriptor = None
