"""Where the program made each module, and where it loaded or wrote weights before training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import torch

from flatline.observe.events import ParametersWritten
from flatline.observe.location import Locator, local_values
from flatline.observe.patching import Looked, Patches, unseen
from flatline.observe.registry import Registry
from flatline.observe.session import Session
from flatline.observe.sharding import local

_WRITERS = ("copy_", "fill_", "zero_", "__setitem__")
# A program may fill its data set element by element; looking at each write must not slow that down for ever.
MOST_WRITES = 5_000


def builder_frame(locator: Locator, built: object, frame: FrameType | None) -> FrameType | None:
    """The user's frame that called the constructor of ``built``, outside that object's own ``__init__``."""
    found = locator.frame(frame) if frame is not None else None
    while found is not None and found.f_code.co_name == "__init__":
        first = found.f_code.co_varnames[0] if found.f_code.co_argcount else ""
        if local_values(found).get(first) is not built or found.f_back is None:
            break
        found = locator.frame(found.f_back)
    return found


class BuiltProbe:
    """Observes ``nn.Module.__init__`` and ``load_state_dict``, and in-place writes until the first step."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._built = session.guarded("built", self._observe_built)
        self._loaded = session.guarded("built", self._observe_loaded)
        self._written = session.guarded("built", self._observe_written)
        self._writes = Patches()
        self._count = 0
        self._candidates: dict[int, tuple[str, int, int]] = {}
        # A module is built: what depends on the libraries that the program has imported by now can be looked for.
        self.before_built: Callable[[], None] = lambda: None

    def install(self, patches: Patches) -> None:
        built, loaded, written = self._built, self._loaded, self._written
        spared = self._session.spared

        def make_init(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                built(self, sys._getframe().f_back)

            return unseen(__init__, original)

        def make_load(original: Callable[..., Any]) -> Callable[..., Any]:
            def load_state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
                loaded(self, sys._getframe().f_back)
                return original(self, *args, **kwargs)

            return unseen(load_state_dict, original)

        def make_write(name: str, original: Any) -> Looked:
            def tell(tensor: Any, frame: Any) -> None:
                if not torch.compiler.is_compiling():
                    written(name, tensor, frame)

            return Looked(original, spared("built", tell, None))

        patches.replace(torch.nn.Module, "__init__", make_init)
        patches.replace(torch.nn.Module, "load_state_dict", make_load)
        for name in _WRITERS:
            self._writes.replace(torch.Tensor, name, partial(make_write, name))

    def training_began(self, parameters: list[torch.Tensor]) -> None:
        """In-place writes are looked at only before the first step; those that hit a parameter are recorded."""
        self._writes.remove()
        storages = {local(p).untyped_storage().data_ptr() for p in parameters if p.numel()}
        for pointer, (name, place, tick) in self._candidates.items():
            if pointer in storages:
                self._session.emit(ParametersWritten(tick, 0, name, place))
        self._candidates.clear()

    def _observe_built(self, module: torch.nn.Module, frame: FrameType) -> None:
        self.before_built()
        found = builder_frame(self._session.locator, module, frame)
        self._registry.built[module] = self._session.locator.number(found) if found is not None else None

    def _observe_loaded(self, module: torch.nn.Module, frame: FrameType) -> None:
        place = self._session.locator.here(frame)
        self._registry.loaded[module] = place
        self._session.emit(ParametersWritten(self._session.now(), self._session.step, "load_state_dict", place))

    def _observe_written(self, name: str, tensor: torch.Tensor, frame: FrameType) -> None:
        self._count += 1
        if self._count > MOST_WRITES:
            self._writes.remove()
        locator = self._session.locator
        # Only writes made by the user's own line: torch's initialisation functions write too.
        if locator.frame(frame) is frame and tensor.device.type != "meta":
            pointer = local(tensor).untyped_storage().data_ptr()
            self._candidates[pointer] = (name, locator.number(frame), self._session.now())
