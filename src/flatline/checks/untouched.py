"""Leaving everything as it was: random generators, gradients, buffers, modes, and what loaders keep of their passes."""

from __future__ import annotations

import contextlib
import copy
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from flatline.checks.replay import random_state, set_random_state


@contextlib.contextmanager
def untouched(modules: Iterable[torch.nn.Module], holders: Iterable[object]) -> Iterator[None]:
    """A block after which these modules are as they were before, bit for bit, and the random generators too.

    ``holders`` are objects whose attributes are put back: numbers, small containers, generators of their own. A holder
    that reads from a file or an iterator cannot be wound back.
    """
    modules = list(modules)
    random = random_state()
    modes = [(part, part.training) for module in modules for part in module.modules()]
    gradients = [
        (p, p.grad, p.grad.detach().clone() if p.grad is not None else None) for m in modules for p in m.parameters()
    ]
    values = [(t, t.detach().clone()) for m in modules for t in m.buffers()]
    kept = [_Attributes(holder) for holder in holders]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        with torch.no_grad():
            for parameter, gradient, value in gradients:
                if parameter.grad is not gradient:
                    parameter.grad = gradient
                if gradient is not None and value is not None:
                    _restore(gradient, value)
            for tensor, value in values:
                _restore(tensor, value)
        for attributes in kept:
            attributes.restore()
        set_random_state(random)


def draw(loader: Any, count: int) -> list[Any]:
    """At most ``count`` first batches of a pass of its own; a DataLoader's kept iterator stays as it is.

    Raises:
        TypeError: the loader is an iterator, whose batches would be gone, or gives nothing that can be gone through.
        ValueError: it gives no batch.
    """
    if isinstance(loader, Iterator):
        raise TypeError(
            f"flatline.check needs a loader that can be gone through again, and a {type(loader).__name__} cannot: "
            "pass the DataLoader itself, or a list of batches"
        )
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise TypeError(f"flatline.check needs a loader that gives batches, not a {type(loader).__name__}")
    own = loader
    if isinstance(loader, DataLoader):
        own = copy.copy(loader)
        own._iterator = None
    batches: list[Any] = []
    for batch in own:
        batches.append(batch)
        if len(batches) == count:
            break
    if not batches:
        raise ValueError("the loader gives no batch: len(dataset) may be below the batch size with drop_last=True")
    return batches


def holders(loader: Any) -> list[object]:
    """What of a loader has a state: the data set and those inside it, the samplers, their generators."""
    found: list[object] = []
    open_ends = [loader]
    while open_ends and len(found) < 64:
        item = open_ends.pop()
        if item is None or any(item is known for known in found):
            continue
        found.append(item)
        for name in ("dataset", "datasets", "sampler", "batch_sampler", "generator", "collate_fn", "transform"):
            inner = getattr(item, name, None)
            open_ends += inner if isinstance(inner, (list, tuple)) else [inner]
    return found


class _Attributes:
    """The attributes of one object, with the contents of small containers and the states of generators."""

    def __init__(self, holder: object) -> None:
        self._holder = holder
        self._names = dict(getattr(holder, "__dict__", {}))
        self._contents: list[tuple[Any, Any]] = []
        self._states: list[tuple[Any, Any]] = []
        for value in [holder, *self._names.values()]:
            state = _state(value)
            if state is not None:
                self._states.append((value, state))
            elif type(value) in (list, dict, set, deque):
                self._contents.append((value, value.copy()))

    def restore(self) -> None:
        if self._names:
            now = self._holder.__dict__
            for name in [n for n in now if n not in self._names]:
                del now[name]
            now.update(self._names)
        for container, content in self._contents:
            if container is self._holder or len(container) != len(content) or container != content:
                container.clear()
                container.extend(content) if isinstance(container, (list, deque)) else container.update(content)
        for generator, state in self._states:
            _set_state(generator, state)


def _state(value: Any) -> Any:
    import random

    numpy = sys.modules.get("numpy")
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, random.Random):
        return value.getstate()
    if numpy is not None and isinstance(value, numpy.random.Generator):
        return value.bit_generator.state
    if numpy is not None and isinstance(value, numpy.random.RandomState):
        return value.get_state()
    return None


def _set_state(value: Any, state: Any) -> None:
    if hasattr(value, "bit_generator"):
        value.bit_generator.state = state
    elif hasattr(value, "setstate"):
        value.setstate(state)
    else:
        value.set_state(state)


def _restore(tensor: torch.Tensor, value: torch.Tensor) -> None:
    """Writes only where something differs: a write is a change of its own, which graphs notice."""
    if tensor.layout is torch.strided and not torch.equal(tensor, value):
        tensor.copy_(value)
