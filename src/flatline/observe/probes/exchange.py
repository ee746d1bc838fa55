"""What processes exchange: how much, whether weights themselves, and whether a sum gave NaN out of finite numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import Collective, Exchanged
from flatline.observe.patching import Patches, unseen
from flatline.observe.registry import Registry
from flatline.observe.session import Session
from flatline.observe.sharding import local

MOST_BAD = 8
_OPERATIONS = (
    "broadcast",
    "all_gather",
    "all_gather_into_tensor",
    "reduce_scatter_tensor",
    "all_to_all",
    "all_to_all_single",
)


class ExchangeProbe:
    """Observes ``torch.distributed``: sums over processes on sampled steps, and how large an exchange is at all."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._bad = 0
        self._told = False
        self._finite: bool | None = None
        # What goes round before the first step (weights from rank 0) is counted apart from what goes round in training.
        self._largest: dict[tuple[str, bool], int] = {}
        self._weights: set[int] = set()
        self._weights_step = -1
        self._weights_told = False
        self._before = session.guarded("exchange", self._look)
        self._after = session.guarded("exchange", self._observe)
        self._count = session.guarded("exchange", self._observe_size)

    def install(self, patches: Patches) -> None:
        if not torch.distributed.is_available():
            return
        patches.replace(torch.distributed, "all_reduce", self._wrapped)
        for name in _OPERATIONS:
            patches.replace(torch.distributed, name, partial(self._counted, name))

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        before, after, session, count = self._before, self._after, self._session, self._count

        def all_reduce(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return original(tensor, *args, **kwargs)
            count("all_reduce", tensor, sys._getframe().f_back)
            if not session.sampled:
                return original(tensor, *args, **kwargs)
            before(tensor)
            result = original(tensor, *args, **kwargs)
            # A handle is what a call that has not ended yet returns.
            if result is None:
                after(tensor, sys._getframe().f_back)
            return result

        return unseen(all_reduce, original)

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        count = self._count

        def collective(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling():
                count(name, args[0] if args else next(iter(kwargs.values()), None), sys._getframe().f_back)
            return original(*args, **kwargs)

        return unseen(collective, original)

    def _observe_size(self, operation: str, value: Any, frame: Any) -> None:
        tensors = [t for t in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(t, torch.Tensor)]
        elements = sum(t.numel() for t in tensors)
        session = self._session
        trains = session.step > 0
        weights = trains and not self._weights_told and any(self._is_weight(t) for t in tensors)
        largest = self._largest.get((operation, trains), -1)
        if not weights and elements <= 2 * largest:
            return
        self._largest[operation, trains] = max(elements, largest)
        self._weights_told |= weights
        world = torch.distributed.get_world_size()
        place = session.locator.here(frame)
        session.emit(Collective(session.now(), session.step, place, operation, elements, weights, world))

    def _is_weight(self, tensor: torch.Tensor) -> bool:
        if not measure.readable(tensor) or not tensor.numel():
            return False
        session = self._session
        if session.sampled and self._weights_step != session.step:
            # Weights keep their place in memory: those of the last sampled step do for the steps after it.
            self._weights_step = session.step
            owned = (local(p) for p in self._registry.owned())
            self._weights = {p.data_ptr() for p in owned if measure.readable(p) and p.numel()}
        return tensor.data_ptr() in self._weights

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
