"""Parameters that are spread over processes (FSDP2, tensor parallel): the part that lies here, and which is whose.

``fully_shard`` makes each parameter a DTensor, of which a process holds a part, and puts a plain one in its place while
a module computes. The autograd graph ends in the plain one; the optimizer, and every name, belong to the DTensor.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch


def is_sharded(tensor: Any) -> bool:
    """Whether the tensor is a DTensor, which is known by name: to import its module takes a second.

    >>> is_sharded(torch.ones(2))
    False
    """
    return type(tensor) is not torch.Tensor and type(tensor).__name__ == "DTensor"


def local(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a DTensor that this process holds; any other tensor itself. No operation of torch is called.

    >>> some = torch.ones(2)
    >>> local(some) is some
    True
    """
    part = getattr(tensor, "_local_tensor", None) if is_sharded(tensor) else None
    return part if isinstance(part, torch.Tensor) else tensor


class Gathered:
    """Finds the DTensor for which a plain parameter stands while a module computes."""

    def __init__(self) -> None:
        self._modules: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[torch.Tensor]]] = {}

    def add(self, module: torch.nn.Module) -> None:
        """Remembers those parts of a model that ``fully_shard`` was called on."""
        self._modules.update(part for part in module.modules() if hasattr(part, "_get_fsdp_state"))

    def owner(self, parameter: torch.Tensor) -> torch.Tensor:
        """The sharded parameter that this one was gathered from; itself when it was not."""
        if not self._modules:
            return parameter
        found = self._known.get(id(parameter))
        if found is None or found[0]() is not parameter:
            self._known = {
                id(plain): (weakref.ref(plain), weakref.ref(sharded))
                for module in list(self._modules)
                for plain, sharded in _pairs(module)
            }
            found = self._known.get(id(parameter))
        sharded = found[1]() if found is not None else None
        return sharded if sharded is not None else parameter


def _pairs(module: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    state = module._get_fsdp_state()
    # Several groups since torch 2.11, one before.
    groups = getattr(state, "_fsdp_param_groups", None)
    for group in groups if groups is not None else [state._fsdp_param_group]:
        for parameter in group.fsdp_params if group is not None else ():
            plain = getattr(parameter, "_unsharded_param", None)
            if plain is not None:
                yield plain, parameter.sharded_param
