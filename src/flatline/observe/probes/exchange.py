"""What processes exchange: whether a sum over processes gave NaN or infinities out of finite numbers of our own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import Exchanged
from flatline.observe.patching import Patches, unseen
from flatline.observe.session import Session

MOST_BAD = 8


class ExchangeProbe:
    """Observes ``torch.distributed.all_reduce``, on sampled steps."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._bad = 0
        self._told = False
        self._finite: bool | None = None
        self._before = session.guarded("exchange", self._look)
        self._after = session.guarded("exchange", self._observe)

    def install(self, patches: Patches) -> None:
        if torch.distributed.is_available():
            patches.replace(torch.distributed, "all_reduce", self._wrapped)

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        before, after, session = self._before, self._after, self._session

        def all_reduce(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or not session.sampled:
                return original(tensor, *args, **kwargs)
            before(tensor)
            result = original(tensor, *args, **kwargs)
            # A handle is what a call that has not ended yet returns.
            if result is None:
                after(tensor, sys._getframe().f_back)
            return result

        return unseen(all_reduce, original)

    def _look(self, tensor: Any) -> None:
        self._finite = _finite(tensor)

    def _observe(self, tensor: Any, frame: Any) -> None:
        finite = _finite(tensor)
        if self._finite is None or finite is None:
            return
        self._bad += not finite
        if self._told and (finite or self._bad > MOST_BAD):
            return
        self._told = True
        session = self._session
        session.emit(
            Exchanged(
                session.now(),
                session.step,
                session.locator.here(frame),
                "all_reduce",
                str(tensor.dtype).removeprefix("torch."),
                tensor.numel(),
                self._finite,
                finite,
                torch.distributed.get_world_size(),
            )
        )


def _finite(tensor: Any) -> bool | None:
    if not measure.readable(tensor) or not tensor.is_floating_point():
        return None
    return bool(torch.isfinite(tensor).all())
