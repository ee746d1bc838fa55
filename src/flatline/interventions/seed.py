"""Another seed for everything that is drawn."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe.patching import unseen

_LARGEST = 2**32


class Seed(Intervention):
    """Adds a number to every seed that the program sets, and gives one to the generators that it leaves unseeded.

    Patch points: ``torch.manual_seed`` (and those of CUDA), ``torch.Generator.manual_seed``, ``random.seed``,
    ``numpy.random.seed`` and ``numpy.random.default_rng``. Left as it is: a seed passed to another library
    (``random_state=0``), ``numpy.random.RandomState`` and ``random.Random``, which are used for fixed splits.

    Args:
        offset: what is added. 0 changes nothing in a program that seeds itself.
        start: the seed that torch, ``random`` and numpy begin with, before ``offset`` is added; None leaves programs
            that set no seed to chance. A control with ``offset=0`` and a trial with the same ``start`` can be compared
            step by step even if the program sets no seed.
    """

    name = "seed"

    def __init__(self, offset: int = 0, start: int | None = None) -> None:
        self._offset, self._start = offset, start

    def before_probes(self, points: Points) -> None:
        self._points = points
        numpy_random: Any = getattr(sys.modules.get("numpy"), "random", None)
        if self._start is not None:
            first = self._moved(self._start)
            torch.manual_seed(first)
            random.seed(first)
            if numpy_random is not None:
                numpy_random.seed(first % _LARGEST)
        replace = points.patches.replace
        for owner in (torch, torch.random):
            replace(owner, "manual_seed", self._shifted)
        for name in ("manual_seed", "manual_seed_all"):
            replace(torch.cuda, name, self._shifted)
        replace(random, "seed", self._shifted)
        if numpy_random is not None:
            replace(numpy_random, "seed", self._shifted)
            replace(numpy_random, "default_rng", self._shifted)
        replace(torch, "Generator", self._generator)

    def _moved(self, seed: Any) -> Any:
        if type(seed) is not int and not hasattr(seed, "__index__"):
            return seed
        self._points.acted(self.name)
        return (int(seed) + self._offset) % _LARGEST

    def _shifted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        moved = self._moved

        def seed(*args: Any, **kwargs: Any) -> Any:
            return original(*map(moved, args), **{key: moved(value) for key, value in kwargs.items()})

        return unseen(seed, original)

    def _generator(self, original: Any) -> Any:
        moved = self._moved

        class Kind(type(original)):  # type: ignore[misc]
            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, original)

        class Generator(original, metaclass=Kind):  # type: ignore[misc]
            def manual_seed(self, seed: int) -> Any:
                return super().manual_seed(moved(seed))

        Generator.__module__, Generator.__qualname__ = original.__module__, original.__qualname__
        return Generator
