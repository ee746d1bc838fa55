"""Where the program leaves the autograd graph: detach, argmax, numpy, item, a new tensor, no_grad.

Watched on sampled steps only. Most cuts are harmless (``loss.item()`` for the log); which parameters stand above
the cut is recorded, so that it can be told whether they are reached in another way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from flatline.observe import graph
from flatline.observe.events import Cut
from flatline.observe.patching import Looked, Patches, call_as, unseen
from flatline.observe.registry import Registry
from flatline.observe.session import Session

_METHODS = (
    "detach",
    "argmax",
    "argmin",
    "argsort",
    "numpy",
    "item",
    "tolist",
    "round",
    "sign",
    "long",
    "int",
    "bool",
    "gt",
    "lt",
    "__gt__",
    "__lt__",
    "__ge__",
    "__le__",
    "__float__",
    "__array__",
)
MOST_CUTS = 64


class CutsProbe:
    """Replaces the methods of Tensor that leave the graph, while a step is sampled."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._patches = Patches()
        self._cut = session.guarded("cuts", self._observe)
        self._count: dict[tuple[str, int | None], int] = {}

    def start(self) -> None:
        if len(self._patches) or self._session.compiled:
            return
        for name in _METHODS:
            self._patches.replace(torch.Tensor, name, partial(self._looked, name))
        for name, label in (("tensor", "torch.tensor"), ("argmax", "argmax"), ("argmin", "argmin"), ("round", "round")):
            self._patches.replace(torch, name, partial(self._wrapped, label))

    def stop(self) -> None:
        self._patches.remove()

    def _looked(self, name: str, original: Any) -> Looked:
        cut = self._cut
        return Looked(original, lambda tensor, frame: cut(name, tensor, frame))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        cut = self._cut

        def leave(*args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe().f_back
            if args:
                cut(name, args[0], frame)
            return call_as(frame, original, args, kwargs)

        return unseen(leave, original)

    def _observe(self, name: str, tensor: Any, frame: Any) -> None:
        if not isinstance(tensor, torch.Tensor) or torch.compiler.is_compiling() or tensor.grad_fn is None:
            return
        session = self._session
        place = session.locator.here(frame)
        key = (name, place)
        seen = self._count[key] = self._count.get(key, 0) + 1
        if seen > 3 or len(self._count) > MOST_CUTS:
            return
        found = graph.walk(tensor.grad_fn, measure_activations=False)
        above = sorted({self._registry.parameter(leaf) for leaf in found.leaves})
        session.emit(Cut(session.now(), session.step, name, place, above))
