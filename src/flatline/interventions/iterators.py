"""Iterators given again when they are used up, and loaders that keep what they have."""

from __future__ import annotations

import copy
import ctypes
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points

# Settings that have a meaning for workers only.
_OF_WORKERS = ("num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout")
_SEQUENCES = (list, tuple, dict, str, range)


class Iterators(Intervention):
    """Lets an epoch begin anew where the program's iterator is used up, and changes how loaders make batches.

    Patch points: ``DataLoader.__init__`` (``drop_last``, ``batch_size``, ``num_workers``); and the program's names and attributes that
    hold a generator, a ``zip``, a ``map`` or another iterator when its first model or optimizer is used: in their place
    comes one that begins again each time it is iterated. The pass that runs is finished with the iterator that it has.

    Left as it is: iterators that nothing holds but the loop; what a generator draws is drawn again in every pass, as a
    fresh one in the source would.

    Args:
        renew: whether to begin again.
        keep_last: whether loaders keep an incomplete batch.
        batch_size: of all loaders; 0 for the program's own.
        one_reader: whether loaders read in the program's own process, without workers.
    """

    name = "iterators"

    def __init__(
        self, renew: bool = True, keep_last: bool = True, batch_size: int = 0, one_reader: bool = False
    ) -> None:
        self._one_reader = one_reader
        self._renew, self._keep_last, self._batch_size = renew, keep_last, batch_size
        self._copies: dict[int, tuple[Any, Any]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        if self._keep_last or self._batch_size or self._one_reader:
            points.patches.replace(DataLoader, "__init__", self._loading)
        if self._renew:
            points.patches.replace(torch.optim.Optimizer, "__init__", self._making)
            points.on_call.append((self.name, lambda module, args, kwargs: self._hold()))

    def after_probes(self, points: Points) -> None:
        if self._renew:
            points.on_backward.append((self.name, lambda loss: self._hold()))

    def _loading(self, original: Callable[..., None]) -> Callable[..., None]:
        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:
            own = kwargs.get("batch_sampler") is not None
            if not own:
                if kwargs.get("drop_last") and self._keep_last:
                    kwargs["drop_last"] = False
                    self._points.acted(self.name)
                if self._batch_size:
                    args = (*args[:1], *args[2:]) if len(args) > 1 else args
                    kwargs["batch_size"] = self._batch_size
                    self._points.acted(self.name)
            if self._one_reader and kwargs.get("num_workers"):
                kwargs = {k: v for k, v in kwargs.items() if k not in _OF_WORKERS}
                self._points.acted(self.name)
            original(loader, *args, **kwargs)

        __init__.__wrapped__ = original  # type: ignore[attr-defined]
        return __init__

    def _making(self, original: Callable[..., None]) -> Callable[..., None]:
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._points.attempt(self.name, self._copy)

        __init__.__wrapped__ = original  # type: ignore[attr-defined]
        return __init__

    def _copy(self) -> None:
        """Copies of the program's own iterator objects, from before the first batch."""
        for _, value, _ in self._held():
            if id(value) not in self._copies and _own_kind(value):
                self._copies[id(value)] = value, copy.deepcopy(value)

    def _hold(self) -> None:
        """Puts something that begins again in the place of each iterator that a name or an attribute holds."""
        for name, value, put in self._held():
            if isinstance(value, _BaseDataLoaderIter):
                continue
            again = self._maker(value)
            if again is not None:
                put(name, _Again(value, again))
                self._points.acted(self.name)

    def _held(self) -> list[tuple[str, Any, Callable[[str, Any], None]]]:
        found: list[tuple[str, Any, Callable[[str, Any], None]]] = []
        frame = self._points.session.locator.frame(sys._getframe(1))
        while frame is not None:
            module_level = frame.f_locals is frame.f_globals
            names = dict(frame.f_locals)
            put = _into(frame, module_level)
            for name, value in names.items():
                if _iterates(value):
                    found.append((name, value, put))
                elif name == "self":
                    held = vars(value) if hasattr(value, "__dict__") else {}
                    attributes = [(k, v) for k, v in held.items() if _iterates(v)]
                    found += [(k, v, _onto(value)) for k, v in attributes]
            if not module_level and frame.f_back is None:
                break
            if frame.f_code.co_name != "<module>":
                scope = frame.f_globals
                found += [(k, v, scope.__setitem__) for k, v in list(scope.items()) if _iterates(v)]
            frame = self._points.session.locator.frame(frame.f_back) if frame.f_back is not None else None
        unique = {(id(v), n): (n, v, p) for n, v, p in found}
        return list(unique.values())

    def _maker(self, value: Any) -> Callable[[], Iterator[Any]] | None:
        if isinstance(value, types.GeneratorType):
            return _generator_again(value)
        if isinstance(value, (zip, map, enumerate, filter)):
            return _builtin_again(value)
        known = self._copies.get(id(value))
        if known is not None and known[0] is value:
            return lambda: iter(copy.deepcopy(known[1]))
        return None


class _Again:
    """Goes on with an iterator the first time, and begins with a new one every time after it was used up."""

    def __init__(self, first: Any, again: Callable[[], Iterator[Any]]) -> None:
        self._first, self._again = first, again

    def __iter__(self) -> Iterator[Any]:
        # The running loop holds the first one: who asks again wants a new pass.
        return self._again()

    def __next__(self) -> Any:
        return next(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)


def _iterates(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__next__") and not isinstance(value, (_Again, *_SEQUENCES)) and kind.__module__ != "_io"


def _own_kind(value: Any) -> bool:
    return type(value).__module__ == "__main__" or (
        type(value).__module__ in sys.modules
        and not isinstance(value, (types.GeneratorType, zip, map, enumerate, filter, _BaseDataLoaderIter))
        and type(value).__module__ not in ("builtins", "itertools")
    )


def _into(frame: types.FrameType, module_level: bool) -> Callable[[str, Any], None]:
    if module_level:
        return frame.f_globals.__setitem__

    def put(name: str, value: Any) -> None:
        frame.f_locals[name] = value
        if sys.version_info < (3, 13):
            # Writes the snapshot back into the function's own variables.
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))

    return put


def _onto(owner: Any) -> Callable[[str, Any], None]:
    return lambda name, value: setattr(owner, name, value)


def _generator_again(value: types.GeneratorType[Any, Any, Any]) -> Callable[[], Iterator[Any]] | None:
    """Calls the generator's function again, with what its arguments are now."""
    frame, code = value.gi_frame, value.gi_code
    if frame is None or code.co_freevars:
        return None
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    arguments = {name: frame.f_locals[name] for name in names if name in frame.f_locals}
    if len(arguments) != len(names) or code.co_flags & 0x0C:
        return None
    function = types.FunctionType(code, frame.f_globals)
    first = arguments.get(".0")
    if first is not None:
        # A generator expression: its source is an iterator that has begun.
        return None
    return lambda: function(**arguments)


def _builtin_again(value: Any) -> Callable[[], Iterator[Any]] | None:
    """``zip``, ``map``, ``enumerate`` and ``filter`` tell what they were made of, as far as they have come."""
    kind, made = value.__reduce__()[:2]
    sources = [_source(part) for part in made]
    if kind is map or kind is filter:
        sources[0] = made[0]
    if any(part is None for part in sources) or (kind is enumerate and len(made) == 2 and made[1] is None):
        return None
    return lambda: kind(*sources[:1]) if kind is enumerate else kind(*sources)


def _source(part: Any) -> Any:
    """What a list's or a tuple's iterator goes through; None when that cannot be told."""
    if callable(part) or not hasattr(type(part), "__next__"):
        return part
    reduced = part.__reduce__()
    return reduced[1][0] if reduced[0] is iter and reduced[1] else None
