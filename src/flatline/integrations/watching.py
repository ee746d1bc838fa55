"""What the callbacks share: they watch a training from its first to its last event, and show the report at its end."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flatline.verdict import Verdict
    from flatline.watching import watch

# The programs that `flatline run` starts are watched already, from outside.
_BY_RUN = "flatline.program"


class Watching:
    """Watches between :meth:`begin` and :meth:`end`; a framework's callback inherits it and calls the two.

    Args:
        store: where to keep the record; a temporary file when None.
        show: whether to print the report at the end.

    ``verdict`` is None until the training has ended; under ``flatline run``, which gives its own verdict, it stays so.
    """

    verdict: Verdict | None = None

    def __init__(self, store: str | Path | None = None, show: bool = True) -> None:
        super().__init__()
        self._store = store
        self._show = show
        self._home = _folder(sys._getframe(1))
        self._watch: watch | None = None

    def begin(self, model: Any = None, optimizers: Any = None) -> None:
        """Starts to watch. ``model`` and ``optimizers`` are those that exist already, when they are torch's."""
        if self._watch is not None or _BY_RUN in sys.modules:
            return
        from flatline.watching import watch

        self._watch = watch(_torch_module(model), _inner(optimizers), store=self._store, show=self._show)
        self._watch.home = self._home
        self._watch.__enter__()
        # Frameworks without an event for a failed training: the report comes when Python ends.
        atexit.register(self.end)

    def end(self, error: BaseException | None = None) -> None:
        """Stops, draws the verdict and shows the report; does nothing the second time."""
        watched, self._watch = self._watch, None
        if watched is None:
            return
        atexit.unregister(self.end)
        watched.__exit__(type(error) if error is not None else None, error, None)
        self.verdict = watched.verdict

    def __getstate__(self) -> dict[str, Any]:
        # Frameworks copy and pickle their callbacks: a copy watches nothing.
        return {**self.__dict__, "_watch": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(self.__getstate__())
        return copied


def _folder(frame: FrameType | None) -> str | None:
    """The folder of the user's file that made the callback: what lies there is the user's code."""
    while frame is not None and "site-packages" in frame.f_code.co_filename:
        frame = frame.f_back
    file = frame.f_code.co_filename if frame is not None else ""
    return os.path.dirname(os.path.abspath(file)) if os.path.isfile(file) else None


def _torch_module(model: Any) -> Any:
    import torch

    return model if isinstance(model, torch.nn.Module) else None


def _inner(optimizers: Any) -> list[Any]:
    several = optimizers if isinstance(optimizers, (list, tuple)) else [optimizers]
    # Accelerate wraps optimizers, and the wrapper holds the one that steps.
    return [getattr(optimizer, "optimizer", optimizer) for optimizer in several if optimizer is not None]
