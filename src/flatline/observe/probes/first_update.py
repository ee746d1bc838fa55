"""The moment before weights change for the first time, for checks that end a program there.

An optimizer tells by its hook. Updates written by hand are seen when an in-place method is looked up on a tensor that
shares its memory with a parameter, after the first backward.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from flatline.observe.captured import Captured
from flatline.observe.events import StoppedBeforeUpdate
from flatline.observe.patching import Looked, Patches, unseen
from flatline.observe.registry import Registry
from flatline.observe.session import Session
from flatline.observe.sharding import local

_WRITERS = (
    "__iadd__", "__isub__", "__imul__", "__itruediv__", "__setitem__", "add_", "sub_", "subtract_", "mul_", "multiply_",
    "div_", "divide_", "addcmul_", "addcdiv_", "addmm_", "copy_", "fill_", "zero_", "lerp_", "clamp_", "clip_", "set_",
    "normal_", "uniform_", "masked_fill_", "index_add_", "index_copy_", "scatter_", "sign_", "neg_", "renorm_",
)  # fmt: skip
_FOREACH = ("add_", "sub_", "mul_", "div_", "addcmul_", "addcdiv_", "lerp_", "copy_", "zero_", "neg_", "sign_")


class FirstUpdateProbe:
    """Calls ``reached`` once, before the first update; what it raises or ends is not kept from the program."""

    def __init__(
        self,
        session: Session,
        registry: Registry,
        captured: Captured,
        reached: Callable[[StoppedBeforeUpdate], None],
    ) -> None:
        self._session = session
        self._registry = registry
        self._captured = captured
        self._reached = reached
        self._handle: Any = None
        self._patches = Patches()
        self._storages: set[int] = set()
        self._watch = session.guarded("first update", self._watch_writes)

    def install(self, patches: Patches) -> None:
        self._handle = register_optimizer_step_pre_hook(self._before_step)
        patches.replace(torch.autograd, "backward", self._wrapped)

    def uninstall(self) -> None:
        self._patches.remove()
        if self._handle is not None:
            self._handle.remove()

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """Torch's hook: may give back other arguments."""
        for index, value in enumerate(args[1:], start=1):
            if callable(value):
                return (*args[:index], self._once(optimizer, value), *args[index + 1 :]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._once(optimizer, kwargs["closure"])}
        self._about_to(optimizer)
        return None

    def _once(self, optimizer: torch.optim.Optimizer, closure: Callable[..., Any]) -> Callable[..., Any]:
        """A closure whose first evaluation is made, before the optimizer changes anything by it."""

        def first(*args: Any, **kwargs: Any) -> Any:
            result = closure(*args, **kwargs)
            self._about_to(optimizer)
            return result

        return unseen(first, closure)

    def _about_to(self, optimizer: torch.optim.Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        # A step without any gradient changes nothing.
        if any(p.grad is not None for p in parameters):
            number = self._registry.optimizers.get(optimizer)
            name = f"{type(optimizer).__name__}.step"
            self.stop(name, sys._getframe().f_back, parameters, -1 if number is None else number)

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self._watch()
            if self._captured.remade:
                self.stop("new tensors", sys._getframe().f_back, self._captured.leaves, after=True)
            return result

        return unseen(backward, original)

    def _watch_writes(self) -> None:
        if len(self._patches):
            return
        # A gradient that backward has just made, too: the set is of parameters only.
        watched = [*self._captured.leaves, *self._registry.owned()]
        self._storages = {
            local(p).untyped_storage().data_ptr() for p in watched if p.device.type != "meta" and p.numel()
        }

        def tell(name: str, tensor: Any, frame: Any) -> None:
            if self._is_parameter(tensor):
                self.stop(name, frame, self._captured.leaves)

        def make(name: str, original: Any) -> Looked:
            return Looked(original, functools.partial(tell, name))

        for name in _WRITERS:
            self._patches.replace(torch.Tensor, name, functools.partial(make, name))
        self._patches.replace(torch.Tensor, "data", lambda original: _Data(original, functools.partial(tell, "data")))

        def make_list(original: Callable[..., Any]) -> Callable[..., Any]:
            def foreach(tensors: Any, *args: Any, **kwargs: Any) -> Any:
                for tensor in tensors:
                    tell(original.__name__, tensor, sys._getframe().f_back)
                return original(tensors, *args, **kwargs)

            return unseen(foreach, original)

        for name in _FOREACH:
            self._patches.replace(torch, f"_foreach_{name}", make_list)

    def _is_parameter(self, tensor: Any) -> bool:
        # Probes of ours and the checks themselves write too, never to a parameter; meta and sparse tensors have no
        # storage to compare.
        if not isinstance(tensor, torch.Tensor) or self._session.busy or tensor.layout is not torch.strided:
            return False
        return tensor.device.type != "meta" and local(tensor).untyped_storage().data_ptr() in self._storages

    def stop(
        self, operation: str, frame: Any, parameters: list[torch.Tensor], optimizer: int = -1, after: bool = False
    ) -> None:
        """Tells of the stop; ``frame`` is where, as near as it is known."""
        session = self._session
        self.uninstall()
        self._captured.optimized = parameters
        stopped = StoppedBeforeUpdate(session.now(), session.step, None, operation, optimizer, [], after)
        try:
            stopped.parameters = [self._registry.parameter(p) for p in parameters]
            stopped.place = session.locator.here(frame)
        except Exception as error:
            # The stop itself must not depend on what can be said of it.
            session.failed("first update", error)
        session.emit(stopped)
        self._reached(stopped)


class _Data:
    """Stands in for ``Tensor.data`` and tells when it is assigned to; reading it is as ever."""

    def __init__(self, original: Any, tell: Callable[[Any, Any], None]) -> None:
        self._original = original
        self._tell = tell

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self._original.__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        self._tell(instance, sys._getframe().f_back)
        self._original.__set__(instance, value)
