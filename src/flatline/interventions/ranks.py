"""The processes that train one model brought back to what they should have in common, or apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe.patching import unseen

_WAYS = ("equal", "deal", "even", "share")


class Ranks(Intervention):
    """Changes what the processes of one training share. In a program of one process nothing is changed.

    Patch points: the step of an optimizer (``equal``), ``DataLoader.__iter__`` (``deal``, ``even``), calls of top-level
    modules with parameters and the functional losses (``share``).

    Left as it is: the program's own exchanges, the random numbers, and what a loader draws: it draws on each rank what it
    drew before, and some of its batches are passed over.

    Args:
        how: ``equal`` gives every rank the weights of rank 0 before its first step, and the mean of all ranks' gradients
            before each; ``deal`` gives rank r of n of each loader's batches those numbered r, r + n, r + 2n, …; ``even``
            ends each pass over a loader with as many batches as the rank with the fewest has; ``share`` gives every rank
            what rank ``source`` gives to its models and the targets that it gives to its losses. All ranks must make as
            many calls of both: else the trial hangs, and says nothing.
        source: the rank whose inputs and targets all are given.
    """

    name = "ranks"

    def __init__(self, how: str = "equal", source: int = 0) -> None:
        if how not in _WAYS:
            raise TypeError(f"ranks cannot be changed by {how!r}")
        self._how, self._source = how, source
        self._equal: set[int] = set()

    def before_probes(self, points: Points) -> None:
        self._points = points
        if self._how == "share":
            points.on_call.append((self.name, self._called))
        elif self._how != "equal":
            points.patches.replace(DataLoader, "__iter__", self._iterating)

    def after_probes(self, points: Points) -> None:
        if self._how == "equal":
            points.on_step.append((self.name, self._step))
        elif self._how == "share":
            points.on_criterion.append((self.name, self._criterion))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        args[:] = [self._shared(value) for value in args]
        for key, value in kwargs.items():
            kwargs[key] = self._shared(value)

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        if "target" in arguments:
            arguments["target"] = self._shared(arguments["target"])

    def _shared(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.requires_grad or not _together():
            return value
        # As an object: the ranks' tensors may differ in shape.
        held = [value]
        dist.broadcast_object_list(held, self._source)
        self._points.acted(self.name)
        return held[0].to(value.device)

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        if not _together():
            return
        world = dist.get_world_size()
        for weight in (p for group in optimizer.param_groups for p in group["params"]):
            if id(weight) not in self._equal:
                self._equal.add(id(weight))
                dist.broadcast(weight.data, 0)
            gradient = weight.grad if weight.grad is not None else torch.zeros_like(weight)
            dist.all_reduce(gradient)
            weight.grad = gradient / world
        self._points.acted(self.name)

    def _iterating(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __iter__(loader: Any) -> Any:
            batches = original(loader)
            if not _together():
                return batches
            self._points.acted(self.name)
            return _dealt(batches) if self._how == "deal" else _evened(loader, batches)

        return unseen(__iter__, original)


def _together() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _dealt(batches: Iterator[Any]) -> Iterator[Any]:
    return itertools.islice(batches, dist.get_rank(), None, dist.get_world_size())


def _evened(loader: Any, batches: Iterator[Any]) -> Iterator[Any]:
    lengths: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(lengths, len(loader) if hasattr(loader.dataset, "__len__") else None)
    known = [length for length in lengths if length is not None]
    return itertools.islice(batches, min(known)) if known else batches
